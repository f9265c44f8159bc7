import { AppError } from "../../../errors.ts";
import { jsonText } from "../../../wire/text.ts";
import { createTask } from "../../client/task-answers.ts";
import type { Value } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { wantsJson } from "../../output/format.ts";
import type { Partner } from "./conversation.ts";
import { begunConversation, givenMessage } from "./verb.ts";

/**
 * Makes a task of one message and prints its id. The answer is a stream, so that it can be followed.
 *
 * @returns the exit code
 * @throws AppError
 */
export async function leaveTask(
  partner: Partner,
  args: Readonly<Record<string, Value>>,
  context: Context,
): Promise<number> {
  const { terminal } = context;
  const json = wantsJson(context.flags.output);
  const client = await context.client();
  const conversation = begunConversation(partner, args, client);
  const text = await givenMessage(args, context);
  if (text === undefined) throw new AppError("usage", "--async needs a message: write it after the name");
  const request = { ...conversation.requestOf(text), stream: true, stream_options: { include_usage: true } };
  const made = await createTask(client, partner.name, request);
  terminal.out(json ? jsonText(made) : `${made.id}\n`);
  if (!json && terminal.errIsTerminal) terminal.err(`to follow the answer: mcpctl logs task/${made.id} -f\n`);
  return 0;
}
