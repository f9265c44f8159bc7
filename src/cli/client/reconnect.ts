import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import { backoffDelay, reconnectSpan } from "../../time.ts";
import { type SseEvent, SseParser } from "../../wire/sse.ts";
import { unexpectedAnswer } from "./answer-text.ts";

/** Waits before the next attempt to connect. `attempt` counts from 0, and starts again once something has arrived. */
export type Pause = (attempt: number, signal: AbortSignal) => Promise<void>;

/** Exponential backoff with full jitter, so that clients do not all return to a restarted server at once. */
export const backoffPause: Pause = (attempt, signal) =>
  delay(backoffDelay(attempt, reconnectSpan, Math.random), undefined, { signal });

interface Reconnection {
  signal: AbortSignal;
  pause: Pause;
  /** True if a connection is tried again after this error. */
  isRetried(error: AppError): boolean;
}

/**
 * Yields what one connection after the other brings, without end.
 *
 * @param connect reads one connection to its end; it calls `onEvent` whenever something arrives
 * @throws AppError that is not retried; `interrupted` when `signal` has fired
 */
export async function* reconnecting<T>(
  connect: (onEvent: () => void) => AsyncIterable<T>,
  { signal, pause, isRetried }: Reconnection,
): AsyncGenerator<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      yield* connect(() => {
        attempt = 0;
      });
    } catch (error) {
      if (signal.aborted) throw stopped(signal);
      if (!(error instanceof AppError) || !isRetried(error)) throw error;
    }
    await pause(attempt, signal).catch(() => {
      throw stopped(signal);
    });
  }
}

/**
 * The server-sent events of an answer. A lost connection ends them.
 *
 * @throws AppError `interrupted` or `timed_out` when `signal` has fired, and for an event that is too large
 */
export async function* eventsOf(
  answer: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<SseEvent> {
  const parser = new SseParser();
  const pieces = answer[Symbol.asyncIterator]();
  try {
    for (;;) {
      // The next connection shows if the server is still there.
      const piece = await pieces.next().catch(() => undefined);
      if (signal.aborted) throw stopped(signal);
      if (!piece || piece.done) return;
      yield* eventsIn(parser, piece.value);
    }
  } finally {
    await pieces.return?.();
  }
}

function eventsIn(parser: SseParser, bytes: Uint8Array): SseEvent[] {
  try {
    return parser.push(bytes);
  } catch {
    throw unexpectedAnswer("an event of the stream is too large");
  }
}

/** The error of a wait that its signal has ended: by Ctrl-C, or because the time of `--timeout` is over. */
export function stopped({ reason }: AbortSignal): AppError {
  return (reason as { name?: string } | undefined)?.name === "TimeoutError"
    ? new AppError("timed_out", "the time of --timeout is over", { cause: reason })
    : new AppError("interrupted", "interrupted", { cause: reason });
}

/** True for errors that may be gone at the next attempt: no connection, a busy or a failing server. */
export function isTransient(error: AppError): boolean {
  return error.code === "connection_failed" || error.status >= 500 || error.code === "too_many_requests";
}
