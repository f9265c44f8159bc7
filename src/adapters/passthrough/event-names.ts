import { parsedObject, shortFieldsOf } from "../../wire/json.ts";
import { firstFrameEnd, hasManyLines, SseParser } from "../../wire/sse.ts";
import { WrappingPipe } from "../wrapping-pipe.ts";
import { usualFrameBytes } from "./watch.ts";

/** Bytes of `data:{}` with a blank line. A shorter frame has no name. */
const shortestFrame = 9;

/**
 * Puts the names of events back that some relays leave out (case 96): Anthropic's SDKs read no event without its name,
 * which is also the `type` in its data. The first frame with data decides: where it has its name, nothing is changed.
 * The pipe inside returns whole frames.
 */
export class EventNamesPipe extends WrappingPipe {
  /** Undefined until the first frame with data has come. */
  #areMissing: boolean | undefined;

  get #areThere(): boolean {
    return this.#areMissing === false;
  }

  push(chunk: Uint8Array): Uint8Array | string | null {
    const out = this.inner.push(chunk);
    return this.#areThere ? out : this.#named(out);
  }

  end(): Uint8Array | string | null {
    return this.#named(this.inner.end());
  }

  #named(out: Uint8Array | string | null): Uint8Array | string | null {
    if (out === null || this.#areThere) return out;
    const bytes = typeof out === "string" ? Buffer.from(out) : out;
    const parts: Uint8Array[] = [];
    for (let start = 0; start < bytes.length; ) {
      const end = firstFrameEnd(bytes, start);
      const frame = bytes.subarray(start, end === -1 ? bytes.length : end);
      // A part of a long frame passes as it is.
      const name = end === -1 ? undefined : this.#missingName(frame);
      if (this.#areThere) return out;
      if (name !== undefined) parts.push(Buffer.from(`event: ${name}\n`));
      parts.push(frame);
      start += frame.length;
    }
    return this.#areMissing ? Buffer.concat(parts) : out;
  }

  /** Returns the name of a frame that has none; undefined for one that has, or that cannot have one. */
  #missingName(frame: Uint8Array): string | undefined {
    if (frame.length < shortestFrame || hasManyLines(frame)) return undefined;
    const [event] = new SseParser({ maxEventBytes: Number.POSITIVE_INFINITY }).push(frame);
    if (!event) return undefined;
    this.#areMissing ??= event.event === "message";
    if (event.event !== "message") return undefined;
    return typeOf(event.data);
  }
}

/** Returns the `type` of an event. Most have it first; it is searched, without parsing the rest of a long event. */
function typeOf(data: string): string | undefined {
  const [, first] = /^\{"type": ?"([\w.]+)"/.exec(data) ?? [];
  if (first !== undefined) return first;
  const isLong = data.length > usualFrameBytes;
  const { type } = ((isLong ? shortFieldsOf(data)?.fields : parsedObject(data)) ?? {}) as { type?: unknown };
  return typeof type === "string" && /^[\w.]+$/.test(type) ? type : undefined;
}
