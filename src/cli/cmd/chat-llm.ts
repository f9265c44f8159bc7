import { operations } from "../../wire/dialects/operations.ts";
import { defineVerb } from "../core/command.ts";
import { callsClient } from "./chat/calls-client.ts";
import { withNearestPartner } from "./chat/suggest-kind.ts";
import { chatArgs, chatWith } from "./chat/verb.ts";

export const chatLlm = defineVerb({
  meta: {
    name: "chat-llm",
    description: "Talk to an llm or a pool",
    examples: [
      ["mcpctl chat-llm claude", "talk; /help there shows more"],
      ['mcpctl chat-llm claude -m "Hello" --set temperature=0.2', "one question"],
      ["mcpctl chat-llm claude -m - -o json < question.txt", "the whole answer as JSON"],
    ],
    notes:
      "The answer's text goes to stdout, and nothing else does. Lines are kept in ~/.mcpctl/chat-history.",
  },
  args: {
    llm: { type: "positional", valueHint: "NAME", description: "The llm or pool", complete: { kind: "llm" } },
    ...chatArgs,
  },
  async run(args, context) {
    const partner = { kind: "llm", name: args.llm, path: operations.chat.path, model: args.llm } as const;
    try {
      return await chatWith(partner, args, context, await callsClient(context));
    } catch (error) {
      throw await withNearestPartner(error, partner, await context.client());
    }
  },
});
