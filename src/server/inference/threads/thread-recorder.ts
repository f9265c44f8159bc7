import { AppError } from "../../../errors.ts";
import { SseParser } from "../../../wire/sse.ts";
import type { Message, Turn } from "./threads.ts";

/** Of an answer that is kept, this many characters at most. */
const mostCharacters = 4 * 1024 * 1024;
/** And this many tool calls. */
const mostCalls = 1000;

const encoder = new TextEncoder();

/** The frames that end a stream in an error. */
type ErrorFrames = (error: unknown) => string;

/**
 * An answer of the chat dialect that is kept in a thread when it is whole, before its last byte goes to the caller. One
 * that fails or is given up leaves nothing behind. Ends the turn.
 *
 * @throws AppError where an unstreamed answer cannot be kept; a streamed one then ends in an error frame
 */
export async function kept(response: Response, turn: Turn, errorFrames: ErrorFrames): Promise<Response> {
  const { headers, body } = response;
  if (body && headers.get("content-type") === "text/event-stream")
    return new Response(keptStream(body, turn, errorFrames), { headers });
  try {
    const text = await response.text();
    const message = (JSON.parse(text) as Completion).choices?.[0]?.message;
    if (!message) throw new AppError("provider_error", "the provider's answer has no message");
    const answer = new GrowingAnswer();
    answer.add(message);
    await turn.keep(answer.message());
    return new Response(text, { headers });
  } finally {
    turn.end();
  }
}

function keptStream(body: ReadableStream<Uint8Array>, turn: Turn, errorFrames: ErrorFrames) {
  const reader = body.getReader();
  const parser = new SseParser();
  const answer = new GrowingAnswer();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            turn.end();
            return controller.close();
          }
          if (parser.push(value).filter(({ data }) => answer.read(data)).length > 0) {
            await turn.keep(answer.message());
            turn.end();
          }
          controller.enqueue(value);
        } catch (thrown) {
          turn.end();
          // The stream itself broke off, as its caller is to see.
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

/** What is kept of an answer. `index` is there in a stream. */
interface Part {
  content?: unknown;
  tool_calls?: unknown;
}

/** As a provider sends it: it may say anything. */
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

/** A frame's data. What a provider sends besides JSON goes by. */
function completionIn(data: string): Completion {
  try {
    return (JSON.parse(data) as Completion | null) ?? {};
  } catch {
    return {};
  }
}

/** An assistant's message that comes in pieces: text and tool calls. */
class GrowingAnswer {
  #text = "";
  readonly #calls: { id: string; type: string; function: { name: string; arguments: string } }[] = [];
  #length = 0;
  #finished = false;
  #failed = false;

  /** Takes an event's data. Returns whether it says that the answer is whole. */
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

  /** Adds a whole message, or a piece of one. Throws AppError for a tool call that has no place in a list. */
  add({ content, tool_calls }: Part): void {
    this.#text += this.#taken(content);
    for (const [at, call] of Array.isArray(tool_calls) ? (tool_calls as (ToolCall | null)[]).entries() : []) {
      const { index, id, type, function: called } = call ?? {};
      const known = this.#callAt(index ?? at);
      // Some say these with every piece.
      if (id !== known.id) known.id = this.#taken(id) || known.id;
      if (type !== known.type) known.type = this.#taken(type) || known.type;
      known.function.name += this.#taken(called?.name);
      known.function.arguments += this.#taken(called?.arguments);
    }
  }

  message(): Message {
    if (this.#length > mostCharacters)
      throw new AppError("payload_too_large", "the answer is too long to be kept in its thread");
    const calls = this.#calls.filter((call) => call !== undefined);
    if (calls.length === 0) return { role: "assistant", content: this.#text };
    return { role: "assistant", content: this.#text === "" ? null : this.#text, tool_calls: calls };
  }

  #callAt(index: unknown) {
    // No other index is only a place in a list: `__proto__` is what all lists have in common.
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= mostCalls)
      throw new AppError("provider_error", "the provider's answer has a tool call out of place");
    const at = index as number;
    this.#calls[at] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
    return this.#calls[at];
  }

  /** A piece of text, counted; nothing where it is none. What is too long is not gathered any further. */
  #taken(piece: unknown): string {
    if (typeof piece !== "string") return "";
    this.#length += piece.length;
    return this.#length > mostCharacters ? "" : piece;
  }
}
