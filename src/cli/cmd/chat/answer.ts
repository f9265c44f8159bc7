import { AppError, isErrorCode } from "../../../errors.ts";
import { SseParser } from "../../../wire/sse.ts";

/** A piece of a streamed answer. */
export type Piece = { kind: "text" | "reasoning"; text: string };

/** A message of the chat dialect. */
export type Message = { role: string; content?: unknown; [more: string]: unknown };

export interface Answer {
  message: Message;
  finishReason: string | null;
  usage: { prompt_tokens?: number; completion_tokens?: number } | null;
}

interface ChatMessage {
  role?: string;
  content?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[];
}

interface Completion {
  choices?: { delta?: ChatMessage; message?: ChatMessage; finish_reason?: string | null }[];
  usage?: Answer["usage"];
  error?: { message?: string; code?: string | null } | null;
}

/** Reads an answer that was not streamed. Throws AppError `internal` if the response is no completion. */
export function wholeAnswer(completion: unknown): Answer {
  const { choices, usage } = completion as Completion;
  const [choice] = choices ?? [];
  if (!choice?.message)
    throw new AppError("internal", "unexpected response from the server: no message in it");
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
  body: ReadableStream<Uint8Array> | null,
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
    const frame = JSON.parse(data) as Completion;
    if (frame.error) throw failure(frame.error);
    usage = frame.usage ?? usage;
    const [choice] = frame.choices ?? [];
    finishReason = choice?.finish_reason ?? finishReason;
    const { content, reasoning_content, reasoning, tool_calls } = choice?.delta ?? {};
    const thought = reasoning_content ?? reasoning;
    if (thought) onPiece({ kind: "reasoning", text: thought });
    if (content) {
      text += content;
      onPiece({ kind: "text", text: content });
    }
    for (const { index = 0, id, function: called } of tool_calls ?? []) {
      calls[index] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
      if (id) calls[index].id = id;
      calls[index].function.name += called?.name ?? "";
      calls[index].function.arguments += called?.arguments ?? "";
    }
    return false;
  };
  try {
    for await (const bytes of body ?? [])
      for (const { data } of parser.push(bytes))
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
    if (cause instanceof SyntaxError)
      throw new AppError("internal", "unexpected response from the server: a part of the stream is not JSON");
    throw cutOff(cause);
  }
  throw signal.aborted ? new AppError("interrupted", "interrupted") : cutOff();
}

function failure({ message, code }: NonNullable<Completion["error"]>): AppError {
  return new AppError(
    isErrorCode(code) ? code : "provider_error",
    message ?? "the provider failed without a message",
  );
}

function cutOff(cause?: unknown): AppError {
  return new AppError("connection_failed", "the connection was lost before the answer was complete", {
    cause,
  });
}
