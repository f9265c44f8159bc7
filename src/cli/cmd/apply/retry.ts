import { setTimeout as wait } from "node:timers/promises";
import { AppError } from "../../../errors.ts";
import { backoffDelay, reconnectSpan } from "../../../time.ts";

/** Waiting and chance. A test passes its own. */
export interface RetryClock {
  /** Waits. @param milliseconds the time to wait */
  sleep(milliseconds: number): Promise<void>;
  /** A number from 0 to just below 1. */
  random(): number;
}

const attempts = 6;
/** The longest `retry-after` that is waited for, in seconds. Nobody watches a command for an hour (T104). */
const longestWait = 60;

/** Waits by the system's clock, and until Ctrl-C at most. */
export function pauseUntil(signal: AbortSignal): RetryClock {
  return {
    random: Math.random,
    sleep: (milliseconds) =>
      wait(milliseconds, undefined, { signal }).catch((cause) => {
        throw new AppError("interrupted", "interrupted", { cause });
      }),
  };
}

/**
 * Repeats a call while the server is busy (429, 503): exponential backoff with full jitter, and never before its
 * retry-after. It is not repeated if that is more than a minute, or if the server cannot be reached.
 *
 * @param onWait called before each wait, with its milliseconds
 * @param count the attempts, from 1, which several calls for one object share
 */
export async function retrying<T>(
  call: () => Promise<T>,
  { sleep, random }: RetryClock,
  onWait: (milliseconds: number) => void = () => {},
  count: { attempt: number } = { attempt: 1 },
): Promise<T> {
  for (; ; count.attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || !isBusy(error) || count.attempt >= attempts) throw error;
      if ((error.retryAfter ?? 0) > longestWait) throw error;
      const jitter = backoffDelay(count.attempt - 1, reconnectSpan, random);
      const milliseconds = Math.round((error.retryAfter ?? 0) * 1000 + jitter);
      onWait(milliseconds);
      await sleep(milliseconds);
    }
  }
}

function isBusy({ code, status }: AppError): boolean {
  return code !== "connection_failed" && (status === 429 || status === 503);
}
