import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { SseParser } from "../../../wire/sse.ts";
import { codeIn } from "../../client/answer-error.ts";
import { parsedAnswer, unexpectedAnswer } from "../../client/answer-text.ts";
import { fieldsOf } from "../../client/answers.ts";
import type { AnswerShape } from "../../client/shape.ts";

/** A piece of a streamed answer. */
export type Piece = { kind: "text" | "reasoning"; text: string };

/** A message of the chat dialect. */
export type Message = { role: string; content?: unknown; [more: string]: unknown };

export interface Answer {
  message: Message;
  finishReason: string | null;
  usage: Static<typeof Usage> | null;
}

const optional = <S extends TSchema>(schema: S) => Type.Optional(Type.Union([schema, Type.Null()]));
const Text = Type.String();

const ToolCall = Type.Object({
  index: optional(Type.Integer()),
  id: optional(Text),
  function: optional(Type.Object({ name: optional(Text), arguments: optional(Text) })),
});
const Delta = Type.Object({
  content: optional(Text),
  reasoning_content: optional(Text),
  reasoning: Type.Optional(Type.Unknown()),
  tool_calls: optional(Type.Array(ToolCall)),
});
const Usage = Type.Object({
  prompt_tokens: optional(Type.Number()),
  completion_tokens: optional(Type.Number()),
});
/** One event of a streamed answer. */
const frame = fieldsOf({
  choices: optional(Type.Array(Type.Object({ delta: optional(Delta), finish_reason: optional(Text) }))),
  usage: optional(Usage),
  error: optional(Type.Object({ message: optional(Text), code: Type.Optional(Type.Unknown()) })),
});
/** An answer that was not streamed. */
export const completion = fieldsOf({
  choices: Type.Array(
    Type.Object({
      message: Type.Object({ role: Type.Optional(Text), content: Type.Optional(Type.Unknown()) }),
      finish_reason: optional(Text),
    }),
  ),
  usage: optional(Usage),
});
type Of<S extends AnswerShape<unknown>> = NonNullable<S["of"]>;

/** The most tool calls of one answer: their numbers are positions in a list. */
const mostToolCalls = 1_000;
/** The most characters of one answer. */
const longestAnswer = 64 * 1024 * 1024;

/** Reads an answer that was not streamed. Throws AppError if there is no message in it. */
export function wholeAnswer({ choices, usage }: Of<typeof completion>): Answer {
  const [choice] = choices;
  if (!choice) throw unexpectedAnswer("there is no message in it");
  const message = { ...choice.message, role: choice.message.role ?? "assistant" };
  return { message, finishReason: choice.finish_reason ?? null, usage: usage ?? null };
}

/**
 * Reads a streamed answer of the chat dialect to its end.
 *
 * @param onPiece called with each piece
 * @throws AppError the server's error in the stream; `interrupted` if `signal` has fired; `connection_failed` if the
 *   stream is cut
 */
export async function streamedAnswer(
  bytes: AsyncIterable<Uint8Array>,
  onPiece: (piece: Piece) => void,
  signal: AbortSignal,
): Promise<Answer> {
  const parser = new SseParser();
  const calls: { id: string; type: "function"; function: { name: string; arguments: string } }[] = [];
  let text = "";
  let finishReason: string | null = null;
  let usage: Answer["usage"] = null;
  const read = (data: string): boolean => {
    if (data === "[DONE]") return true;
    const { error, choices, ...more } = parsedAnswer(data, frame);
    if (error) throw failure(error);
    usage = more.usage ?? usage;
    const [choice] = choices ?? [];
    finishReason = choice?.finish_reason ?? finishReason;
    const { content, reasoning_content, reasoning, tool_calls } = choice?.delta ?? {};
    const thought = reasoning_content ?? reasoning;
    if (thought && typeof thought === "string") onPiece({ kind: "reasoning", text: thought });
    if (content) {
      text += content;
      if (text.length > longestAnswer) throw unexpectedAnswer("it has no end");
      onPiece({ kind: "text", text: content });
    }
    for (const { index: at, id, function: called } of tool_calls ?? []) {
      const index = at ?? 0;
      if (index < 0 || index >= mostToolCalls) throw unexpectedAnswer("a tool call has no such number");
      calls[index] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
      if (id) calls[index].id = id;
      calls[index].function.name += called?.name ?? "";
      calls[index].function.arguments += called?.arguments ?? "";
    }
    return false;
  };
  try {
    for await (const piece of bytes)
      for (const { data } of parser.push(piece))
        if (read(data)) {
          const called = calls.filter((call) => call !== undefined);
          const message = {
            role: "assistant",
            content: text,
            ...(called.length > 0 && { tool_calls: called }),
          };
          return { message, finishReason, usage };
        }
  } catch (cause) {
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    if (cause instanceof AppError) throw cause;
    throw cutOff(cause);
  }
  throw signal.aborted ? new AppError("interrupted", "interrupted") : cutOff();
}

function failure({ message, code }: { message?: string | null; code?: unknown }): AppError {
  return new AppError(codeIn(code, "provider_error"), message ?? "the provider failed without a message");
}

function cutOff(cause?: unknown): AppError {
  return new AppError("connection_failed", "the connection was lost before the answer was complete", {
    cause,
  });
}
