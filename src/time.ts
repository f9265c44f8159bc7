import type { EndSignal } from "./end-signal.ts";
/** A clock and a source of chance, which a test can replace. */
export interface Time {
  /** Returns the milliseconds of a monotonic clock: it never goes back when the wall clock is set. */
  elapsed(): number;
  /** Returns a number from 0 to just below 1. */
  random(): number;
  /** Calls `act` once, after so many milliseconds. Returns a function that prevents it. */
  after(milliseconds: number, act: () => void): () => void;
}

/** The machine's own clock and chance. */
export const systemTime: Time = {
  elapsed: () => performance.now(),
  random: Math.random,
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Returns after so many milliseconds, or as soon as the signal aborts. Never fails. */
export function pause(time: Time, milliseconds: number, signal: EndSignal): Promise<void> {
  return new Promise((over) => {
    if (signal.aborted) return over();
    const finish = () => {
      stop();
      signal.removeEventListener("abort", finish);
      over();
    };
    const stop = time.after(milliseconds, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}

/**
 * Waits for a promise, or until the signal aborts.
 *
 * @param error makes the error that is thrown on abort
 */
export async function orAborted<T>(promise: Promise<T>, signal: EndSignal, error: () => Error): Promise<T> {
  if (signal.aborted) throw error();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(error());
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The longest wait that somebody else can ask for, in seconds: one hour (T104). */
const longestRetryAfter = 3600;

/**
 * Returns the seconds that somebody else asks to wait: a provider, an agent, a server.
 *
 * @returns one hour at most; undefined for anything that is not a number of seconds from 0
 */
export function retryAfterSeconds(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? Math.min(value, longestRetryAfter) : undefined;
}

/**
 * Returns the seconds in a header `retry-after`: a number, or a date.
 *
 * @param sentAt the header `date` of the response. A date counts from the sender's clock: the own one may be wrong
 * @returns one hour at most; undefined for no header, and for one that is neither
 */
export function retryAfterIn(header: string | null | undefined, sentAt?: string | null): number | undefined {
  if (header === null || header === undefined || header.trim() === "" || header.length > 100)
    return undefined;
  const number = Number(header);
  if (!Number.isNaN(number)) return retryAfterSeconds(Math.max(0, number));
  const now = Date.parse(sentAt ?? "") || Date.now();
  return retryAfterSeconds(Math.max(0, (Date.parse(header) - now) / 1000));
}

/** Bounds of a backoff, in milliseconds. */
export interface BackoffSpan {
  /** The longest wait after the first failure; each further failure doubles it. */
  first: number;
  /** The longest wait after any number of failures. */
  longest: number;
}

/**
 * Returns how long to wait after a failure: exponential backoff with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). The wait is a random part of a span that
 * doubles with each failure, so that many clients do not come back to a restarted server all at once.
 *
 * @param failures failures before this one, from 0
 * @param random from 0 to just below 1
 * @returns milliseconds
 */
export function backoffDelay(
  failures: number,
  { first, longest }: BackoffSpan,
  random: () => number,
): number {
  return random() * Math.min(longest, first * 2 ** failures);
}

/** The span of a client that has lost a connection to the server. */
export const reconnectSpan: BackoffSpan = { first: 500, longest: 30_000 };
