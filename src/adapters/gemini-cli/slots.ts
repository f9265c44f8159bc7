import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";

/** A limited number of slots, and a queue for them. */
export interface Slots {
  /**
   * Waits for a slot, in the order of the calls. Returns a function that frees the slot; only its first call counts.
   *
   * @throws AppError `too_many_requests` after the longest wait, `unavailable` once they are closed;
   *   HttpFailure "cancelled" when the signal aborts
   */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** Refuses all waiting and future calls. */
  close(): void;
}

export interface SlotsOptions {
  places: number;
  /** The longest wait in the queue, in milliseconds. */
  longestWait: number;
}

interface Waiting {
  admit(): void;
  refuse(error: Error): void;
}

/** The `retry-after` of a refused call, in seconds. */
const retryAfter = 5;

export function createSlots({ places, longestWait }: SlotsOptions): Slots {
  const line = new Set<Waiting>();
  let free = places;
  let isClosed = false;

  const leave = () => {
    const [next] = line;
    // The slot goes directly to the next call in the queue, so that no later call is first.
    if (next) next.admit();
    else free++;
  };

  const place = () => {
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      leave();
    };
  };

  const stand = (signal: AbortSignal | undefined) =>
    new Promise<() => void>((resolve, reject) => {
      const settle = () => {
        line.delete(waiting);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const waiting: Waiting = {
        admit() {
          settle();
          resolve(place());
        },
        refuse(error) {
          settle();
          reject(error);
        },
      };
      const onAbort = () => waiting.refuse(gone());
      const timer = setTimeout(() => {
        waiting.refuse(
          new AppError("too_many_requests", `all ${places} gemini processes are busy`, { retryAfter }),
        );
      }, longestWait);
      signal?.addEventListener("abort", onAbort);
      line.add(waiting);
    });

  return {
    async enter(signal) {
      if (isClosed) throw closed();
      if (signal?.aborted) throw gone();
      if (free === 0) return stand(signal);
      free--;
      return place();
    },
    close() {
      isClosed = true;
      for (const waiting of line) waiting.refuse(closed());
    },
  };
}

function gone(): HttpFailure {
  return new HttpFailure("cancelled", "the call was cancelled");
}

function closed(): AppError {
  return new AppError("unavailable", "the server is shutting down");
}
