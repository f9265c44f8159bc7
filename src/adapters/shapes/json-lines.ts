import { AppError } from "../../errors.ts";
import { ByteLines, LineTooLong } from "../../wire/byte-lines.ts";
import { parseExact } from "../../wire/exact-json.ts";
import { isObject, parsedObject } from "../../wire/json.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { Pieces } from "../../wire/pieces.ts";
import { sseFrame } from "../../wire/sse.ts";
import { isOllamaLine, OllamaLines } from "./ollama-lines.ts";

/** The most bytes of a line, which is read, written as an event and converted in one turn of the event loop (T66, T258). */
const maxLineBytes = 1024 * 1024;
/** Bytes of a whole body that are read in one turn. */
const turnBytes = 64 * 1024;

/** The most characters of a first line that is parsed to find out if more lines follow. */
const longestFirstLine = 64 * 1024;

const lineFeed = 10;

/** Types of the events of messages and responses. */
const eventType = /^(?:message_(?:start|delta|stop)|content_block_\w+|ping|response\.[\w.]+)$/;

/** Returns true for one piece of a streamed answer: a chat chunk, an event of messages or responses, a line of Ollama's. */
function isPiece(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { object, choices, type } = value;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return (
    object === "chat.completion.chunk" ||
    (isObject(first) && isObject(first.delta) && !isObject(first.message)) ||
    (typeof type === "string" && eventType.test(type)) ||
    isOllamaLine(value)
  );
}

/**
 * Returns true if JSON is a stream of which each line is a piece, without `data:` before it (case 159): its first line says
 * so. Returns undefined while the first line is not whole.
 */
export function areJsonLines(bytes: Uint8Array, isEnd: boolean): boolean | undefined {
  let start = 0;
  while (start < bytes.length && bytes[start]! <= 32) start++;
  const end = bytes.indexOf(lineFeed, start);
  if (end === -1 && !isEnd) return undefined;
  const stop = end === -1 ? bytes.length : end;
  if (stop - start > longestFirstLine) return false;
  const line = Buffer.from(bytes.buffer, bytes.byteOffset + start, stop - start).toString();
  return isPiece(parsedObject(line.replace(/^\uFEFF/, "")));
}

/** Turns a stream of JSON lines into the event stream that says the same. Bytes may be cut anywhere. */
export class JsonLines {
  readonly #lines = new ByteLines(maxLineBytes);
  readonly #ollama = new OllamaLines();

  /** Returns the frames of the lines that the bytes complete. Throws AppError `provider_error` for a line that is too long. */
  push(bytes: Uint8Array): string {
    try {
      return Array.from(this.#lines.push(bytes), (line) => this.#frames(line)).join("");
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      throw new AppError("provider_error", `an event of the stream exceeds ${maxLineBytes} bytes`);
    }
  }

  /** Returns the frames of the last line, which may lack its line end. */
  end(): string {
    return this.#frames(this.#lines.rest());
  }

  #frames(given: string): string {
    const line = given.replace(/^\uFEFF/, "").trim();
    if (line === "") return "";
    // A few mix both forms.
    const data = line.startsWith("data:") ? line.slice("data:".length).trimStart() : line;
    const value = parsedObject(data);
    if (isOllamaLine(value)) return this.#ollama.frames(parseExact(data) as Record<string, unknown>);
    const type = isObject(value) ? value.type : undefined;
    const event = typeof type === "string" && eventType.test(type) ? { event: type } : {};
    return sseFrame({ ...event, data });
  }
}

/** Returns the event stream that says the same as a whole body of JSON lines. Takes several turns of the event loop. */
export async function eventsOfLines(bytes: Uint8Array): Promise<Buffer> {
  const lines = new JsonLines();
  const events = new Pieces();
  for (let at = 0; at < bytes.length; at += turnBytes) {
    if (at > 0) await nextTurn();
    events.add(Buffer.from(lines.push(bytes.subarray(at, at + turnBytes))));
  }
  events.add(Buffer.from(lines.end()));
  return events.take();
}
