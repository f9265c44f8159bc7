import { AppError } from "../../../errors.ts";
import { parsedObject } from "../../../wire/json.ts";
import { SseParser } from "../../../wire/sse.ts";
import type { ChatMessage, ThreadTurn } from "./threads.ts";

/** The longest message that is saved, in characters. */
const maxCharacters = 4 * 1024 * 1024;
/** The most tool calls in a message. */
const maxCalls = 1000;

const encoder = new TextEncoder();

/** Returns the frames that end a stream with an error. */
type ErrorFrames = (error: unknown) => string;

/**
 * Saves a response of the chat dialect in a thread when it is complete, before its last byte is sent to the caller. A
 * response that fails or is cancelled is not saved. Ends the turn.
 *
 * @param messagesOf returns the messages to save, if they are more than the message of the response
 * @returns the same response
 * @throws AppError if a response that is not streamed cannot be saved; a streamed one ends with an error frame then
 */
export async function recordResponse(
  response: Response,
  turn: ThreadTurn,
  errorFrames: ErrorFrames,
  messagesOf?: () => readonly ChatMessage[],
): Promise<Response> {
  const { headers, body } = response;
  if (body && headers.get("content-type") === "text/event-stream")
    return new Response(recordedStream(body, turn, errorFrames, messagesOf), { headers });
  try {
    const text = await response.text();
    const message = (parsedObject(text) as Completion | undefined)?.choices?.[0]?.message;
    if (!message) throw new AppError("provider_error", "the provider's response has no message");
    const collected = new MessageCollector();
    collected.add(message);
    await turn.save(messagesOf?.() ?? [collected.message()]);
    return new Response(text, { headers });
  } finally {
    turn.end();
  }
}

function recordedStream(
  body: ReadableStream<Uint8Array>,
  turn: ThreadTurn,
  errorFrames: ErrorFrames,
  messagesOf: (() => readonly ChatMessage[]) | undefined,
) {
  const reader = body.getReader();
  const parser = new SseParser();
  const collected = new MessageCollector();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            turn.end();
            return controller.close();
          }
          if (parser.push(value).filter(({ data }) => collected.read(data)).length > 0) {
            await turn.save(messagesOf?.() ?? [collected.message()]);
            turn.end();
          }
          controller.enqueue(value);
        } catch (thrown) {
          turn.end();
          // The stream itself broke off, and its caller sees that.
          if (thrown === undefined) return controller.error();
          controller.enqueue(encoder.encode(errorFrames(thrown)));
          controller.close();
          await reader.cancel();
        }
      },
      async cancel(reason) {
        turn.end();
        await reader.cancel(reason);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
}

/** A message, or a piece of one in a stream. */
interface Part {
  content?: unknown;
  tool_calls?: unknown;
}

/** A tool call as a provider sends it, or a piece of one. Only pieces have an `index`. */
interface ToolCall {
  index?: unknown;
  id?: unknown;
  type?: unknown;
  function?: { name?: unknown; arguments?: unknown } | null;
}

interface Completion {
  choices?: { index?: number; message?: Part; delta?: Part; finish_reason?: string | null }[];
  error?: unknown;
}

/** The completion in the data of a frame; empty if the data is not JSON. */
function completionIn(data: string): Completion {
  return parsedObject(data) ?? {};
}

/** Collects an assistant's message that comes in pieces: text and tool calls. */
class MessageCollector {
  #text = "";
  readonly #calls: { id: string; type: string; function: { name: string; arguments: string } }[] = [];
  #length = 0;
  #finished = false;
  #failed = false;

  /** Reads the data of an event. Returns true if it is the end of a complete response. */
  read(data: string): boolean {
    if (data === "[DONE]") return this.#finished && !this.#failed;
    const { choices, error } = completionIn(data);
    if (error) this.#failed = true;
    for (const { index = 0, delta, finish_reason } of choices ?? []) {
      if (index !== 0) continue;
      if (delta) this.add(delta);
      if (finish_reason) this.#finished = true;
    }
    return false;
  }

  /** Adds a whole message or a piece of one. Throws AppError if the index of a tool call is not usable. */
  add({ content, tool_calls }: Part): void {
    this.#text += this.#counted(content);
    for (const [at, call] of Array.isArray(tool_calls) ? (tool_calls as (ToolCall | null)[]).entries() : []) {
      const { index, id, type, function: called } = call ?? {};
      const known = this.#callAt(index ?? at);
      // Some providers repeat these with every piece.
      if (id !== known.id) known.id = this.#counted(id) || known.id;
      if (type !== known.type) known.type = this.#counted(type) || known.type;
      known.function.name += this.#counted(called?.name);
      known.function.arguments += this.#counted(called?.arguments);
    }
  }

  message(): ChatMessage {
    if (this.#length > maxCharacters)
      throw new AppError("payload_too_large", "the response is too long to be saved in its thread");
    const calls = this.#calls.filter((call) => call !== undefined);
    if (calls.length === 0) return { role: "assistant", content: this.#text };
    return { role: "assistant", content: this.#text === "" ? null : this.#text, tool_calls: calls };
  }

  #callAt(index: unknown) {
    // Any other index, such as `__proto__`, would not be an element of the list.
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= maxCalls)
      throw new AppError("provider_error", "the provider's response has a tool call with a wrong index");
    const at = index as number;
    this.#calls[at] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
    return this.#calls[at];
  }

  /** Returns a piece of text and counts it; "" if it is not text, or the message is too long already. */
  #counted(piece: unknown): string {
    if (typeof piece !== "string") return "";
    this.#length += piece.length;
    return this.#length > maxCharacters ? "" : piece;
  }
}
