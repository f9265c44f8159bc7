import type { EndSignal } from "../../end-signal.ts";
import { AppError } from "../../errors.ts";
import { HttpFailure } from "../../net/http1/http-failure.ts";

/** A limited number of slots for runs, and a queue for calls that wait for one. */
export interface Slots {
  /**
   * Waits for a slot, in the order of the calls. Returns a function that frees it; calling that again does nothing.
   *
   * @throws AppError `too_many_requests` after the longest wait, `unavailable` once they are closed;
   *   HttpFailure "cancelled" when the signal aborts
   */
  enter(signal?: EndSignal): Promise<() => void>;
  /** Refuses the calls that wait, and every later one. */
  close(): void;
}

export interface SlotsOptions {
  slots: number;
  /** The longest wait, in milliseconds. */
  longestWait: number;
}

interface Waiting {
  admit(): void;
  refuse(error: Error): void;
}

/** Seconds after which a refused call may be tried again. */
const retryAfter = 5;

export function createSlots({ slots, longestWait }: SlotsOptions): Slots {
  const queue = new Set<Waiting>();
  let free = slots;
  let isClosed = false;

  const leave = () => {
    const [next] = queue;
    // The slot is handed over, so that no later call can take it first.
    if (next) next.admit();
    else free++;
  };

  const slot = () => {
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      leave();
    };
  };

  const wait = (signal: EndSignal | undefined) =>
    new Promise<() => void>((resolve, reject) => {
      const settle = () => {
        queue.delete(waiting);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
      };
      const waiting: Waiting = {
        admit() {
          settle();
          resolve(slot());
        },
        refuse(error) {
          settle();
          reject(error);
        },
      };
      const onAbort = () => waiting.refuse(cancelled());
      const timer = setTimeout(() => {
        waiting.refuse(
          new AppError("too_many_requests", `all ${slots} gemini processes are busy`, { retryAfter }),
        );
      }, longestWait);
      signal?.addEventListener("abort", onAbort);
      queue.add(waiting);
    });

  return {
    async enter(signal) {
      if (isClosed) throw closed();
      if (signal?.aborted) throw cancelled();
      if (free === 0) return wait(signal);
      free--;
      return slot();
    },
    close() {
      isClosed = true;
      for (const waiting of queue) waiting.refuse(closed());
    },
  };
}

function cancelled(): HttpFailure {
  return new HttpFailure("cancelled", "the call was cancelled");
}

function closed(): AppError {
  return new AppError("unavailable", "the server is shutting down");
}
