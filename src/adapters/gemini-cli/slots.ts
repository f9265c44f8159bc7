import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";

/** A number of places, and a line before them. */
export interface Slots {
  /**
   * Waits for a place, in the order of asking. Returns how to leave it, which counts once.
   *
   * @throws AppError `too_many_requests` after the longest wait, `unavailable` once they are closed;
   *   HttpFailure "cancelled" when the signal aborts
   */
  enter(signal?: AbortSignal): Promise<() => void>;
  /** Lets nobody in any more: those in the line are sent away. */
  close(): void;
}

export interface SlotsOptions {
  places: number;
  /** How long anybody stands in the line, in milliseconds. */
  longestWait: number;
}

interface Waiting {
  admit(): void;
  refuse(error: Error): void;
}

/** When somebody who was sent away may come back, in seconds. */
const retryAfter = 5;

export function createSlots({ places, longestWait }: SlotsOptions): Slots {
  const line = new Set<Waiting>();
  let free = places;
  let isClosed = false;

  const leave = () => {
    const [next] = line;
    // The place goes from hand to hand, so that nobody who comes later is first.
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
