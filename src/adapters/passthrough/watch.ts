import type { StreamPosition } from "../../wire/dialects/types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import type { SseEvent } from "../../wire/sse.ts";
import type { Quirks } from "../quirks/types.ts";
import type { ResponsesAnswer, StreamFault } from "../types.ts";

/** The rules for calls of a dialect that pass through to a provider of the same dialect. */
export interface Passthrough {
  /**
   * Returns new values for top-level fields of the request, in a new object; all others stay. `stripUsage` is true for a stream that is
   * asked for its usage although the caller did not ask: the frame with it must not reach the caller.
   *
   * @throws AppError `invalid_request`
   */
  prepare(
    body: Record<string, unknown>,
    quirks: Quirks,
  ): { changes: Readonly<Record<string, unknown>>; stripUsage: boolean };
  watch(options: { stripUsage: boolean }): StreamWatch;
}

/** `last` is the terminal frame of a stream, `fault` a provider's error. */
export type Verdict = "keep" | "drop" | "last" | "fault";

/** Reads the frames of a stream as they pass. */
export interface StreamWatch {
  /** True once the answer is whole. */
  readonly finished: boolean;
  readonly usage: Usage;
  readonly fault: StreamFault | undefined;
  /** The terminal frame, for a provider that leaves it out. */
  readonly terminal: string | undefined;
  /** A cut frame larger than this, in bytes, passes without being read. */
  readonly largestHeldFrame: number;
  /** Returns true for the begin of a cut frame that is held although it is longer than usual. */
  mayBeLong?(beginning: Uint8Array): boolean;
  readonly position?: StreamPosition | undefined;
  readonly answer?: ResponsesAnswer | undefined;
  /** A cheap test on raw bytes: returns false for almost every frame that `read` would only keep. */
  mayMatter(bytes: Uint8Array): boolean;
  /** Reads one event. Returns the decision on its frame. */
  read(event: SseEvent): Verdict;
}

/** Usual value of `largestHeldFrame`: a larger frame holds an image, not a finish. */
export const usualFrameBytes = 256 * 1024;

const colon = 58;
const letterN = 110;

/** Returns true if one of the texts is in the bytes. */
export function hasAny(bytes: Uint8Array, texts: readonly Buffer[]): boolean {
  for (const text of texts) if (indexOf(bytes, text, 0) !== -1) return true;
  return false;
}

/** Returns true if `key` is followed by a value other than null. Python servers write a space after the colon. */
export function hasValue(bytes: Uint8Array, key: Buffer): boolean {
  for (let at = indexOf(bytes, key, 0); at !== -1; at = indexOf(bytes, key, at + key.length)) {
    let next = at + key.length;
    while (bytes[next]! <= 32 || bytes[next] === colon) next++;
    if (bytes[next] !== letterN) return true;
  }
  return false;
}

// Called on the plain array: a Buffer for each chunk would cost more than the search.
const bufferIndexOf = Buffer.prototype.indexOf as (this: Uint8Array, value: Buffer, from: number) => number;

function indexOf(bytes: Uint8Array, value: Buffer, from: number): number {
  return bufferIndexOf.call(bytes, value, from);
}
