import type { EndSignal } from "../../end-signal.ts";
import { callerLeft } from "../../errors.ts";

/** The clock and the randomness of retries. */
export interface Pace {
  /** The monotonic clock, in milliseconds. */
  elapsed(): number;
  /** From 0 to just below 1. */
  random(): number;
  /** Waits. Throws AppError `client_closed_request` if the signal aborts. */
  wait(milliseconds: number, signal: EndSignal): Promise<void>;
}

/** The clock and randomness of the machine. */
export const systemPace: Pace = {
  elapsed: () => performance.now(),
  random: Math.random,
  wait(milliseconds, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(callerLeft());
      const onAbort = () => {
        clearTimeout(timer);
        reject(callerLeft());
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, milliseconds);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  },
};
