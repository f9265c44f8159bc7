import { doneData } from "../../wire/dialects/chat.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { parsedObject } from "../../wire/json.ts";
import { Pieces } from "../../wire/pieces.ts";
import { firstFrameEnd, hasManyLines, lastFrameEnd, SseParser } from "../../wire/sse.ts";
import type { ResponsesAnswer, StreamFault, StreamPipe } from "../types.ts";
import { type StreamWatch, usualFrameBytes, type Verdict } from "./watch.ts";

/** The most bytes of a blank line: its end is known from these and the next one. */
const blankLineBytes = 3;
const blankLine = Buffer.from("\n\n");
const nothing = new Uint8Array(0);

/**
 * Passes a stream through unchanged, and watches it for usage, the finish, the terminal frame and an error. A chunk of
 * whole frames is returned as the very same array. A frame that a chunk cuts is held until it is whole: no client can
 * use half a frame, and an error frame must begin on a line of its own.
 */
export class PassthroughPipe implements StreamPipe {
  readonly #watch: StreamWatch;
  /** The begin of a frame that a chunk has cut. */
  #held: Pieces | undefined;
  /** The last bytes held: they may begin the blank line of the frame. */
  #heldEnd: Uint8Array = nothing;
  /** The frame that is held is longer than usual and may end the answer. */
  #isLongEnd = false;
  /** The last two bytes of a frame that is too large to be held: they may begin its blank line. */
  #unwatched: Uint8Array | undefined;
  done = false;

  constructor(watch: StreamWatch) {
    this.#watch = watch;
  }

  get finished(): boolean {
    return this.#watch.finished;
  }

  get usage(): Usage {
    return this.#watch.usage;
  }

  get fault(): StreamFault | undefined {
    return this.#watch.fault;
  }

  get position(): StreamPosition | undefined {
    return this.#watch.position;
  }

  get answer(): ResponsesAnswer | undefined {
    return this.#watch.answer;
  }

  get held(): number {
    return this.#held?.length ?? 0;
  }

  push(chunk: Uint8Array): Uint8Array | null {
    if (this.done || this.fault || chunk.length === 0) return null;
    if (this.#unwatched) return this.#passUnwatched(this.#unwatched, chunk);
    if (this.#held === undefined) {
      const cut = lastFrameEnd(chunk);
      if (cut === chunk.length) return this.#frames(chunk);
      const whole = this.#frames(chunk.subarray(0, cut));
      return joined(whole, this.#hold(chunk.subarray(cut)));
    }
    // The last byte held may be a CR: the next byte decides what it ends.
    const known = this.#heldEnd.length;
    const seam = Buffer.concat([this.#heldEnd, chunk]);
    const end = lastFrameEnd(seam, known - 1);
    if (end === 0) return this.#hold(chunk);
    const cut = end - known;
    this.#held.add(chunk.subarray(0, cut));
    const whole = this.#frames(this.#takeHeld());
    return joined(whole, this.#hold(chunk.subarray(cut)));
  }

  end(): Uint8Array | string | null {
    if (this.done || this.fault) return null;
    const last = this.#endHeld();
    if (this.done || this.fault) return last;
    const { finished, terminal } = this.#watch;
    if (!finished || terminal === undefined) return last;
    this.done = true;
    return joined(last, Buffer.from(terminal));
  }

  /** Returns a last frame that lacks only its blank line; half a frame is dropped, and so is one of very many lines. */
  #endHeld(): Uint8Array | null {
    const held = this.#takeHeld();
    if (hasManyLines(held)) return null;
    if (held.length > usualFrameBytes) {
      const last = this.#frames(Buffer.concat([held, blankLine]));
      return this.done ? last : null;
    }
    const parser = new SseParser({ maxEventBytes: Number.POSITIVE_INFINITY });
    const events = [...parser.push(held), ...parser.end()];
    const isWhole = events.every(({ data }) => data.trim() === doneData || parsedObject(data));
    if (events.length === 0 || !isWhole) return null;
    return this.#frames(Buffer.concat([held, blankLine]));
  }

  /** Reads whole frames. Returns those that are to be sent. */
  #frames(bytes: Uint8Array): Uint8Array | null {
    if (!this.#mayMatter(bytes)) return bytes.length > 0 ? bytes : null;
    const kept: Uint8Array[] = [];
    let keptFrom = 0;
    let start = 0;
    let stop = bytes.length;
    while (start < stop) {
      const end = frameEnd(bytes, start);
      const verdict = this.#frame(bytes.subarray(start, end));
      if (verdict === "last") {
        this.done = true;
        stop = end;
      } else if (verdict === "fault") stop = start;
      else if (verdict === "drop") {
        if (start > keptFrom) kept.push(bytes.subarray(keptFrom, start));
        keptFrom = end;
      }
      start = end;
    }
    if (keptFrom === 0 && stop === bytes.length) return bytes;
    if (stop > keptFrom) kept.push(bytes.subarray(keptFrom, stop));
    if (kept.length === 0) return null;
    return kept.length === 1 ? kept[0]! : Buffer.concat(kept);
  }

  #frame(bytes: Uint8Array): Verdict {
    if (!this.#mayMatter(bytes) || hasManyLines(bytes)) return "keep";
    const [event] = new SseParser({ maxEventBytes: Number.POSITIVE_INFINITY }).push(bytes);
    return event ? this.#watch.read(event) : "keep";
  }

  /** A long frame was only held because it may matter. */
  #mayMatter(bytes: Uint8Array): boolean {
    return bytes.length > usualFrameBytes || this.#watch.mayMatter(bytes);
  }

  /** Holds the begin of a frame. Returns all of it, unwatched, where it is too long. */
  #hold(piece: Uint8Array): Uint8Array | null {
    if (piece.length === 0) return null;
    // A copy: a few bytes must not keep all of the chunk in memory.
    const held = this.#held ?? new Pieces();
    held.add(this.#held ? piece : new Uint8Array(piece));
    this.#held = held;
    this.#heldEnd = lastBytes(this.#heldEnd, piece);
    if (held.length <= usualFrameBytes) return null;
    if (!this.#isLongEnd) {
      const beginning = held.take();
      held.add(beginning);
      this.#isLongEnd = this.#watch.mayBeLong?.(beginning) ?? false;
    }
    if (this.#isLongEnd && held.length <= this.#watch.largestHeldFrame) return null;
    const bytes = this.#takeHeld();
    this.#unwatched = bytes.slice(-2);
    return bytes;
  }

  #takeHeld(): Uint8Array {
    this.#heldEnd = nothing;
    this.#isLongEnd = false;
    const held = this.#held;
    this.#held = undefined;
    return held?.take() ?? nothing;
  }

  #passUnwatched(before: Uint8Array, chunk: Uint8Array): Uint8Array | null {
    const bytes = Buffer.concat([before, chunk]);
    const end = firstFrameEnd(bytes, before.length - 1);
    if (end === -1) {
      this.#unwatched = bytes.subarray(-2);
      return chunk;
    }
    this.#unwatched = undefined;
    const cut = end - before.length;
    return joined(cut > 0 ? chunk.subarray(0, cut) : null, this.push(chunk.subarray(cut)));
  }
}

/** Returns the last bytes of two pieces, one after the other. */
function lastBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (second.length >= blankLineBytes) return new Uint8Array(second.subarray(-blankLineBytes));
  return Buffer.concat([first, second]).subarray(-blankLineBytes);
}

/** Returns the end of the frame at `start`, in bytes that end with a frame. */
function frameEnd(bytes: Uint8Array, start: number): number {
  const end = firstFrameEnd(bytes, start);
  return end === -1 ? bytes.length : end;
}

function joined(first: Uint8Array | null, second: Uint8Array | null): Uint8Array | null {
  if (!first || !second) return first ?? second;
  return Buffer.concat([first, second]);
}
