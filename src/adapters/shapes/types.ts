import type { Dialect } from "../../wire/dialects/types.ts";
import type { SseEvent } from "../../wire/sse.ts";
import type { StreamFault } from "../types.ts";

/** The two shapes of an answer in one dialect: whole, and as a stream. */
export interface AnswerShapes {
  readonly dialect: Dialect;
  /** Returns the error that a whole answer is or contains, although its status is a success; undefined for none. */
  faultIn(body: unknown): StreamFault | undefined;
  /** Returns the frames of a stream that says the same as a whole answer without a fault. */
  toStream(body: Record<string, unknown>): string;
  /** Returns a collector of the whole answer that a stream says. */
  collect(): AnswerCollector;
}

/** Puts an answer together from the events of its stream, as they come. */
export interface AnswerCollector {
  add(event: SseEvent): void;
  /** Returns the whole answer. */
  whole(): unknown;
}
