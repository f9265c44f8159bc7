import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { SseParser } from "../../../wire/sse.ts";
import { escapeLine, oneLine } from "../../../wire/text.ts";
import { codeIn } from "../../client/answer-error.ts";
import { parsedAnswer, unexpectedAnswer } from "../../client/answer-text.ts";
import { fieldsOf } from "../../client/answers.ts";
import type { AnswerShape } from "../../client/shape.ts";

/** A piece of a streamed answer. */
export type Piece = { kind: "text" | "reasoning" | "tool"; text: string };

/** A call of a tool that the server made for a persona, with its result when that is there. */
export type ExecutedTool = Static<typeof ExecutedTool>;

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
const ExecutedTool = Type.Object({
  id: Text,
  name: Text,
  arguments: optional(Text),
  output: optional(Text),
  is_error: optional(Type.Boolean()),
});
const Delta = Type.Object({
  content: optional(Text),
  reasoning_content: optional(Text),
  reasoning: Type.Optional(Type.Unknown()),
  tool_calls: optional(Type.Array(ToolCall)),
  executed_tools: optional(Type.Array(ExecutedTool)),
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
  const executed = new Map<string, ExecutedTool>();
  let finishReason: string | null = null;
  let usage: Answer["usage"] = null;
  const read = (data: string): boolean => {
    if (data === "[DONE]") return true;
    const { error, choices, ...more } = parsedAnswer(data, frame);
    if (error) throw failure(error);
    usage = more.usage ?? usage;
    const [choice] = choices ?? [];
    finishReason = choice?.finish_reason ?? finishReason;
    const { content, reasoning_content, reasoning, tool_calls, executed_tools } = choice?.delta ?? {};
    const thought = reasoning_content ?? reasoning;
    if (thought && typeof thought === "string") onPiece({ kind: "reasoning", text: thought });
    if (content) {
      text += content;
      if (text.length > longestAnswer) throw unexpectedAnswer("it has no end");
      onPiece({ kind: "text", text: content });
    }
    for (const tool of executed_tools ?? []) {
      const known = executed.get(tool.id);
      if (!known && executed.size >= mostToolCalls) throw unexpectedAnswer("it has no end of calls");
      executed.set(tool.id, tool);
      // The last piece repeats them all.
      if (!known || known.output !== tool.output) onPiece({ kind: "tool", text: toolLine(tool) });
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
            ...(executed.size > 0 && { executed_tools: [...executed.values()] }),
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

/** The most characters of one line about a tool. */
const longestLine = 200;

/** Returns a line about a call that begins, or about its result. */
function toolLine({ name, arguments: given, output, is_error: isError }: ExecutedTool): string {
  const line =
    output === undefined || output === null
      ? `calls ${name} ${given ?? ""}`
      : `${name} ${isError ? "failed" : "returned"}: ${output}`;
  return `${escapeLine(oneLine(line, longestLine))}\n`;
}

function failure({ message, code }: { message?: string | null; code?: unknown }): AppError {
  return new AppError(codeIn(code, "provider_error"), message ?? "the provider failed without a message");
}

function cutOff(cause?: unknown): AppError {
  return new AppError("connection_failed", "the connection was lost before the answer was complete", {
    cause,
  });
}
