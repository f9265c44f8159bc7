import { setTimeout as wait } from "node:timers/promises";
import { AppError } from "../../../errors.ts";
import { backoffDelay, reconnectSpan } from "../../../time.ts";

/** How waiting is done; a test counts the waits instead. */
export interface Pause {
  /** @param milliseconds how long */
  sleep(milliseconds: number): Promise<void>;
  /** 0 to 1. */
  random(): number;
}

const attempts = 6;

/** Real waiting, until Ctrl-C. */
export function pauseUntil(signal: AbortSignal): Pause {
  return {
    random: Math.random,
    sleep: (milliseconds) =>
      wait(milliseconds, undefined, { signal }).catch((cause) => {
        throw new AppError("interrupted", "interrupted", { cause });
      }),
  };
}

/**
 * Tries again while the server says that it is busy (429, 503): exponential backoff with full jitter, and never
 * sooner than its retry-after. A server that cannot be reached at all is not tried again.
 *
 * @param onWait told before each wait, in milliseconds
 */
export async function retrying<T>(
  call: () => Promise<T>,
  { sleep, random }: Pause,
  onWait: (milliseconds: number) => void = () => {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || !isBusy(error) || attempt === attempts) throw error;
      const jitter = backoffDelay(attempt - 1, reconnectSpan, random);
      const milliseconds = Math.round((error.retryAfter ?? 0) * 1000 + jitter);
      onWait(milliseconds);
      await sleep(milliseconds);
    }
  }
}

function isBusy({ code, status }: AppError): boolean {
  return code !== "connection_failed" && (status === 429 || status === 503);
}
