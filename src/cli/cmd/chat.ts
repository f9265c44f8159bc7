import { kindOf } from "../../kinds/index.ts";
import { objectPath } from "../client/objects.ts";
import { defineVerb } from "../core/command.ts";
import { withNearestPartner } from "./chat/suggest-kind.ts";
import { chatArgs, chatWith } from "./chat/verb.ts";

export const chat = defineVerb({
  meta: {
    name: "chat",
    description: "Talk to a persona, an object of kind agent",
    examples: [
      ["mcpctl chat reviewer", "talk; /help there shows more"],
      ['mcpctl chat reviewer -m "Is this safe?" --thread new', "one question, in a thread that is kept"],
      ["git diff | mcpctl chat reviewer", "what comes in is the message"],
    ],
    notes:
      "The answer's text goes to stdout, and nothing else does. Lines are kept in ~/.mcpctl/chat-history.",
  },
  args: {
    agent: { type: "positional", valueHint: "NAME", description: "The persona", complete: { kind: "agent" } },
    ...chatArgs,
    thread: {
      type: "string",
      valueHint: "ID|new",
      description: "Go on in a thread that the server keeps, or begin one",
    },
  },
  async run(args, context) {
    const path = `${objectPath(kindOf("agent"), args.agent)}/chat`;
    const partner = { kind: "agent", name: args.agent, path } as const;
    try {
      return await chatWith(partner, args, context, await context.client());
    } catch (error) {
      throw await withNearestPartner(error, partner, await context.client());
    }
  },
});
