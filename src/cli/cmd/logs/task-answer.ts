import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { codeIn } from "../../client/answer-error.ts";
import { parsedAnswer, unexpectedAnswer } from "../../client/answer-text.ts";
import { eventsOf } from "../../client/reconnect.ts";
import { answerShape } from "../../client/shape.ts";
import { streamTask } from "../../client/task-answers.ts";
import type { Context } from "../../core/context.ts";
import { withTimeout } from "../../core/deadline.ts";
import { waitingOn } from "../../terminal/progress.ts";

/** The most characters of one answer. */
const longestAnswer = 64 * 1024 * 1024;

const text = Type.Optional(Type.Union([Type.String(), Type.Null()]));
/** One event of an answer in any dialect. */
const event = answerShape(
  Type.Object({
    type: text,
    choices: Type.Optional(Type.Array(Type.Object({ delta: Type.Optional(Type.Object({ content: text })) }))),
    delta: Type.Optional(Type.Unknown()),
    error: Type.Optional(
      Type.Union([Type.Object({ message: text, code: Type.Optional(Type.Unknown()) }), Type.Null()]),
    ),
  }),
);

/**
 * Prints the text of the answer of a task: what is there, and with `isFollowing` what comes.
 *
 * @throws AppError the error that ended it; `connection_failed` if the connection is lost
 */
export async function printTaskAnswer(id: string, isFollowing: boolean, context: Context): Promise<void> {
  const { terminal } = context;
  const signal = withTimeout(context);
  const waiting = waitingOn(context, `waiting for task ${id}`);
  let length = 0;
  let last = "";
  try {
    const bytes = await streamTask(await context.client(), id, isFollowing, signal);
    let isOver = false;
    for await (const { data } of eventsOf(bytes, signal)) {
      if (data === "[DONE]") isOver = true;
      if (isOver) break;
      const { type, choices, delta, error } = parsedAnswer(data, event);
      if (error) throw new AppError(codeIn(error.code, "provider_error"), error.message ?? "the task failed");
      const piece = pieceOf(type, choices?.[0]?.delta?.content, delta);
      isOver = type === "message_stop" || /^response\.(completed|incomplete)$/.test(type ?? "");
      if (piece === "") continue;
      waiting.end();
      length += piece.length;
      if (length > longestAnswer) throw unexpectedAnswer("it has no end");
      terminal.data(piece);
      await terminal.drain();
      last = piece;
    }
    if (isFollowing && !isOver)
      throw new AppError("connection_failed", "the connection was lost before the answer was complete", {
        hint: `the task goes on: mcpctl logs task/${id} -f`,
      });
  } finally {
    waiting.end();
    if (last !== "" && !last.endsWith("\n")) terminal.data("\n");
  }
}

/** Returns the text in an event of chat, messages or responses; "" for none. */
function pieceOf(type: string | null | undefined, chat: string | null | undefined, delta: unknown): string {
  if (typeof chat === "string") return chat;
  if (type === "response.output_text.delta" && typeof delta === "string") return delta;
  const { text } = (typeof delta === "object" && delta !== null ? delta : {}) as { text?: unknown };
  return type === "content_block_delta" && typeof text === "string" ? text : "";
}
