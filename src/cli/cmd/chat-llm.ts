import { operations } from "../../wire/dialects/operations.ts";
import { defineVerb } from "../core/command.ts";
import { callsClient } from "./chat/calls-client.ts";
import { leaveTask } from "./chat/leave-task.ts";
import { suggestKind } from "./chat/suggest-kind.ts";
import { chatArgs, chatWith } from "./chat/verb.ts";

export const chatLlm = defineVerb({
  meta: {
    name: "chat-llm",
    description: "Talk to an llm or a pool",
    about: `On a terminal this starts a conversation, in which /help lists the commands; with a message after the name, or with
      text on standard input, it sends that and prints the answer. If an agent on this machine serves calls of the same
      server, the request goes through it, so that a local model can stand in; --direct calls the server itself.

      With --async the message becomes a task of the server, which outlives a restart and waits for a workstation that
      sleeps: its id is printed at once, "mcpctl logs task/ID -f" follows its answer, "mcpctl wait task/ID" waits for it.

      Only the text of answers goes to stdout. The lines you type are kept in ~/.mcpctl/chat-history.`,
    examples: [
      ["mcpctl chat-llm claude", "Start a conversation"],
      ['mcpctl chat-llm claude "Hello" --set temperature=0.2', "Send one message"],
      ["mcpctl chat-llm claude -m - -o json < question.txt", "Print the whole answer as JSON"],
      [
        'mcpctl chat-llm qwen --async -m "Sum up this log"',
        "Leave the message to the server, and print the task's id",
      ],
    ],
  },
  output: ["json"],
  args: {
    llm: { type: "positional", valueHint: "NAME", description: "The llm or pool", complete: { kind: "llm" } },
    ...chatArgs,
    async: {
      type: "boolean",
      description: "Make a task of the message and print its id, instead of waiting for the answer",
    },
  },
  async run(args, context) {
    const partner = { kind: "llm", name: args.llm, path: operations.chat.path, model: args.llm } as const;
    try {
      if (args.async) return await leaveTask(partner, args, context);
      return await chatWith(partner, args, context, await callsClient(context));
    } catch (error) {
      throw await suggestKind(error, partner, await context.client());
    }
  },
});
