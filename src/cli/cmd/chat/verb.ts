import { AppError } from "../../../errors.ts";
import { jsonText, withoutByteOrderMark } from "../../../wire/text.ts";
import type { ApiClient } from "../../client/client.ts";
import type { Args, Value } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { wantsJson } from "../../output/format.ts";
import { Conversation, type Partner } from "./conversation.ts";
import { paramsOf } from "./params.ts";
import { printAnswer } from "./print-answer.ts";
import { converse } from "./repl.ts";

/** The flags that `chat` and `chat-llm` share. */
export const chatArgs = {
  words: {
    type: "positional",
    required: false,
    multiple: true,
    empty: true,
    valueHint: "MESSAGE",
    complete: [],
    description: "Send this message and print the answer",
  },
  message: {
    type: "string",
    alias: "m",
    empty: true,
    valueHint: "TEXT",
    description: "Send this message and print the answer; - reads it from standard input",
  },
  system: { type: "string", valueHint: "TEXT", description: "Set a system prompt" },
  set: {
    type: "string",
    multiple: true,
    valueHint: "NAME=VALUE",
    description: "Set a parameter of the request, such as temperature=0.2",
  },
} as const satisfies Args;

/**
 * Sends one message, if there is one (`-m`, or a pipe on standard input), otherwise starts a conversation on the terminal.
 *
 * @param client the client that calls the llm
 * @returns the exit code
 * @throws AppError
 */
export async function chatWith(
  partner: Partner,
  args: Readonly<Record<string, Value>>,
  context: Context,
  client: ApiClient,
): Promise<number> {
  const { terminal, signal } = context;
  const json = wantsJson(context.flags.output);
  const conversation = begunConversation(partner, args, client);
  const text = await givenMessage(args, context);
  if (text === undefined && json)
    throw new AppError("usage", "-o json needs one message: write it after the name");
  const thread = args["thread"] as string | undefined;
  if (thread === "new") conversation.thread = thread;
  else if (thread !== undefined) await conversation.resume(thread);
  if (text === undefined) return converse(conversation, context);
  if (json) {
    const { message, finishReason, usage } = await conversation.ask(text, signal);
    const { kind, name } = partner;
    terminal.out(
      jsonText({ [kind]: name, thread: conversation.thread ?? null, message, finishReason, usage }),
    );
    return 0;
  }
  await printAnswer(conversation, text, context, signal);
  if (thread === "new") terminal.err(`thread ${conversation.thread}\n`);
  return 0;
}

/** Returns a conversation with the system prompt and the parameters of the flags. Throws AppError `usage`. */
export function begunConversation(
  partner: Partner,
  args: Readonly<Record<string, Value>>,
  client: ApiClient,
): Conversation {
  const conversation = new Conversation(client, partner);
  conversation.system = args["system"] as string | undefined;
  for (const [name, value] of paramsOf(args["set"] as string[])) conversation.params.set(name, value);
  return conversation;
}

/** Returns the message to send; undefined for a conversation on the terminal. Throws AppError `usage`. */
export function givenMessage(
  args: Readonly<Record<string, Value>>,
  context: Context,
): Promise<string | undefined> {
  const words = args["words"] as string[];
  const message = args["message"] as string | undefined;
  if (words.length > 0 && message !== undefined)
    throw new AppError("usage", "the message is given twice: as words and with -m");
  return messageOf(words.length > 0 ? words.join(" ") : message, context);
}

async function messageOf(given: string | undefined, { terminal }: Context): Promise<string | undefined> {
  if (given === undefined && terminal.inIsTerminal) return undefined;
  const text =
    given === undefined || given === "-" ? withoutByteOrderMark(await terminal.readStdin()) : given;
  if (text.trim() === "") throw new AppError("usage", "the message is empty");
  return text;
}
