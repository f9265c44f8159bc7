import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../../errors.ts";
import { backoffDelay, reconnectSpan } from "../../time.ts";
import { type SseEvent, SseParser } from "../../wire/sse.ts";

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
      if (!(error instanceof AppError) || signal.aborted || !isRetried(error)) throw error;
    }
    await pause(attempt, signal).catch(() => {
      throw new AppError("interrupted", "interrupted");
    });
  }
}

/** The server-sent events of a response. A lost connection ends them. Throws AppError `interrupted`. */
export async function* eventsOf(response: Response, signal: AbortSignal): AsyncGenerator<SseEvent> {
  const parser = new SseParser();
  try {
    for await (const bytes of response.body ?? []) yield* parser.push(bytes);
  } catch (cause) {
    if (signal.aborted) throw new AppError("interrupted", "interrupted", { cause });
    // The next connection shows whether the server is still there.
  }
}

/** True for errors that may be gone at the next attempt: no connection, a busy or a failing server. */
export function isTransient(error: AppError): boolean {
  return error.code === "connection_failed" || error.status >= 500 || error.code === "too_many_requests";
}
