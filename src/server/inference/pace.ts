import { AppError } from "../../errors.ts";

/** Time and chance, as the tries of a call need them. */
export interface Pace {
  /** Milliseconds; never goes back. */
  elapsed(): number;
  /** From 0 to just below 1. */
  random(): number;
  /** Returns when so many milliseconds are over. Throws AppError `client_closed_request` once the signal aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The machine's own. */
export const systemPace: Pace = {
  elapsed: () => performance.now(),
  random: Math.random,
  wait(milliseconds, signal) {
    return new Promise((over, left) => {
      if (signal.aborted) return left(callerLeft());
      const onAbort = () => {
        clearTimeout(timer);
        left(callerLeft());
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        over();
      }, milliseconds);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  },
};

/** What ends a call whose caller does not wait for it any more. */
export function callerLeft(): AppError {
  return new AppError("client_closed_request", "the caller went away");
}
