import { AppError } from "../../errors.ts";
import { kindOf } from "../../kinds/index.ts";
import { objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import { suggestKind } from "./chat/suggest-kind.ts";
import { chatArgs, chatWith } from "./chat/verb.ts";

export const chat = defineVerb({
  meta: {
    name: "chat",
    description: "Talk to a persona (kind agent)",
    about: `A persona is an llm with a system prompt. On a terminal this starts a conversation, in which /help lists the
      commands; with a message after the name, or with text on standard input, it sends that and prints the answer. The server
      remembers nothing unless --thread is given.

      A persona with a project calls the tools of the project; on a terminal each call is shown. --allow-tool leaves
      only those that it names.

      Only the text of answers goes to stdout. The lines you type are kept in ~/.mcpctl/chat-history.`,
    examples: [
      ["mcpctl chat reviewer", "Start a conversation"],
      [
        'mcpctl chat reviewer "Is this safe?" --thread new',
        "Send one message, in a thread that the server keeps",
      ],
      ["mcpctl chat helper --allow-tool 'search_*' --allow-tool read_file", "Let it call these tools only"],
      ["git diff | mcpctl chat reviewer", "Send the output of another command"],
    ],
  },
  output: ["json"],
  args: {
    agent: { type: "positional", valueHint: "NAME", description: "The persona", complete: { kind: "agent" } },
    ...chatArgs,
    thread: {
      type: "string",
      valueHint: "ID|new",
      description: "Continue a thread that the server keeps, or begin one",
    },
    "allow-tool": {
      type: "string",
      multiple: true,
      valueHint: "NAME",
      description:
        "Allow only this tool of the persona's project, or those of a pattern: search_*; none allows none",
    },
  },
  async run(args, context) {
    const path = `${objectPath(kindOf("agent"), args.agent)}/chat`;
    const allowTools = args["allow-tool"];
    const partner = {
      kind: "agent",
      name: args.agent,
      path,
      ...(allowTools.length > 0 && { allowTools: allowTools.map(toolName) }),
    } as const;
    try {
      return await chatWith(partner, args, context, await context.client());
    } catch (error) {
      throw await suggestKind(error, partner, await context.client());
    }
  },
});

/** Returns a name or pattern of tools as the server takes it; no name at all for `none`. */
function toolName(name: string): string {
  if (/^[A-Za-z0-9_.*-]+$/.test(name)) return name === "none" ? "" : name;
  throw new AppError("usage", "--allow-tool takes the name of a tool, or a pattern with *");
}
