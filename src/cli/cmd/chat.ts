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
      commands; with -m, or with text on standard input, it sends one message and prints the answer. The server
      remembers nothing unless --thread is given.

      Only the text of answers goes to stdout. The lines you type are kept in ~/.mcpctl/chat-history.`,
    examples: [
      ["mcpctl chat reviewer", "Start a conversation"],
      [
        'mcpctl chat reviewer -m "Is this safe?" --thread new',
        "Send one message, in a thread that the server keeps",
      ],
      ["git diff | mcpctl chat reviewer", "Send the output of another command"],
    ],
  },
  args: {
    agent: { type: "positional", valueHint: "NAME", description: "The persona", complete: { kind: "agent" } },
    ...chatArgs,
    thread: {
      type: "string",
      valueHint: "ID|new",
      description: "Continue a thread that the server keeps, or begin one",
    },
  },
  async run(args, context) {
    const path = `${objectPath(kindOf("agent"), args.agent)}/chat`;
    const partner = { kind: "agent", name: args.agent, path } as const;
    try {
      return await chatWith(partner, args, context, await context.client());
    } catch (error) {
      throw await suggestKind(error, partner, await context.client());
    }
  },
});
