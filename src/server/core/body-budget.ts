import type { EndSignal } from "../../end-signal.ts";
import { AppError, callerLeft } from "../../errors.ts";
import { largeText } from "../../wire/next-turn.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Gauges } from "./gauges.ts";

/** Bytes of large bodies that may be in memory, if not set. */
export const defaultBodyMemory = 128 * 1024 * 1024;
/** The least that can be set: half of it holds one body of the largest size. */
export const leastBodyMemory = 64 * 1024 * 1024;

/** The longest that a large body waits for memory, in milliseconds. */
const longestWait = 30_000;
/** Seconds after which a refused caller is asked to come again. */
const retryAfter = 5;

/** The memory that one body holds. */
export interface HeldBytes {
  /** Gives a part back: the body has turned out to have only so many bytes. */
  shrink(bytes: number): void;
  /** Gives all back. A second call does nothing. */
  release(): void;
}

interface Waiting {
  bytes: number;
  proceed(): void;
}

/**
 * The memory for large bodies: so many bytes in all, and half of them for one user. Small bodies hold nothing and never
 * wait. Users take turns, and no body is passed by a smaller one of somebody else (T173).
 */
export class BodyBudget {
  readonly #most: number;
  readonly #deadlines: Deadlines;
  readonly #wait: number;
  /** Bytes that are held. */
  held = 0;
  /** Number of bodies that were refused. */
  refused = 0;
  readonly #heldBy = new Map<string, number>();
  /** By user, the next user first. */
  readonly #waiting = new Map<string, Waiting[]>();

  /** @param most bytes in all; `wait` the longest wait, in milliseconds */
  constructor(deadlines: Deadlines, { most = defaultBodyMemory, wait = longestWait } = {}) {
    this.#deadlines = deadlines;
    this.#most = most;
    this.#wait = wait;
  }

  get waiting(): number {
    let bodies = 0;
    for (const { length } of this.#waiting.values()) bodies += length;
    return bodies;
  }

  /** True for a body that needs memory of the budget. */
  isLarge(bytes: number): boolean {
    return bytes > largeText;
  }

  /**
   * Holds memory for a large body: at once if there is enough, otherwise when the user's turn has come.
   *
   * @param user the id of the caller's user
   * @throws AppError `server_busy` or, where the user's own bodies fill the user's half, `too_many_requests`, both with
   *   `retryAfter`; `client_closed_request`
   */
  hold(user: string, bytes: number, signal: EndSignal): HeldBytes | Promise<HeldBytes> {
    const wanted = Math.min(bytes, this.#share);
    let isHeld = false;
    let proceed = () => {};
    const entry = {
      bytes: wanted,
      proceed: () => {
        isHeld = true;
        proceed();
      },
    };
    const queue = this.#waiting.get(user);
    if (queue) queue.push(entry);
    else this.#waiting.set(user, [entry]);
    this.#serve();
    if (isHeld) return this.#heldBytes(user, wanted);
    return new Promise((resolve, reject) => {
      const stop = () => {
        signal.removeEventListener("abort", onAbort);
        deadline.cancel();
      };
      const giveUp = (error: Error) => {
        stop();
        this.#remove(user, entry);
        reject(error);
      };
      const onAbort = () => giveUp(callerLeft());
      const deadline = this.#deadlines.after(this.#wait, () => giveUp(this.#refusal(user, wanted)));
      proceed = () => {
        stop();
        resolve(this.#heldBytes(user, wanted));
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort);
    });
  }

  /** Holds memory for a body that is in memory already. Returns undefined if there is not enough now. */
  tryHold(user: string, bytes: number): HeldBytes | undefined {
    const wanted = Math.min(bytes, this.#share);
    const isFree = this.#of(user) + wanted <= this.#share && this.held + wanted <= this.#most;
    if (!isFree || this.#waiting.size > 0) {
      this.refused++;
      return undefined;
    }
    this.#change(user, wanted);
    return this.#heldBytes(user, wanted);
  }

  get #share(): number {
    return this.#most / 2;
  }

  /** Lets the bodies proceed for which there is memory now. */
  #serve(): void {
    while (this.#serveNext());
  }

  #serveNext(): boolean {
    for (const [user, queue] of this.#waiting) {
      const next = queue[0]!;
      if (this.#of(user) + next.bytes > this.#share) continue;
      if (this.held + next.bytes > this.#most) return false;
      this.#waiting.delete(user);
      queue.shift();
      if (queue.length > 0) this.#waiting.set(user, queue);
      this.#change(user, next.bytes);
      next.proceed();
      return true;
    }
    return false;
  }

  #remove(user: string, entry: Waiting): void {
    const queue = this.#waiting.get(user)?.filter((other) => other !== entry) ?? [];
    if (queue.length > 0) this.#waiting.set(user, queue);
    else this.#waiting.delete(user);
    this.#serve();
  }

  #heldBytes(user: string, bytes: number): HeldBytes {
    let held = bytes;
    const shrink = (to: number) => {
      if (to >= held) return;
      this.#change(user, to - held);
      held = to;
      this.#serve();
    };
    return { shrink: (to) => shrink(this.isLarge(to) ? to : 0), release: () => shrink(0) };
  }

  #of(user: string): number {
    return this.#heldBy.get(user) ?? 0;
  }

  #change(user: string, bytes: number): void {
    this.held += bytes;
    const held = this.#of(user) + bytes;
    if (held > 0) this.#heldBy.set(user, held);
    else this.#heldBy.delete(user);
  }

  #refusal(user: string, bytes: number): AppError {
    this.refused++;
    const hint = "send it again later, or fewer large requests at a time";
    const isOwn = this.#of(user) + bytes > this.#share;
    if (isOwn)
      return new AppError(
        "too_many_requests",
        `your large requests fill ${megabytes(this.#share)} of memory, which is the most of one user`,
        { retryAfter, hint },
      );
    return new AppError(
      "server_busy",
      `the ${megabytes(this.#most)} of memory for large requests are in use`,
      { retryAfter, hint },
    );
  }
}

/** Adds the metrics of some budgets, by what they are for. */
export function registerBodyGauges(gauges: Gauges, budgets: Readonly<Record<string, BodyBudget>>): void {
  const of = (read: (budget: BodyBudget) => number) => () =>
    Object.entries(budgets).map(([body, budget]) => [{ body }, read(budget)] as const);
  gauges.gauge(
    "mcpctl_large_body_bytes",
    "Bytes of large bodies in memory",
    of(({ held }) => held),
  );
  gauges.gauge(
    "mcpctl_large_bodies_waiting",
    "Large bodies that wait for memory",
    of(({ waiting }) => waiting),
  );
  gauges.gauge(
    "mcpctl_large_bodies_refused_total",
    "Large bodies that were refused because there was no memory for them in time",
    of(({ refused }) => refused),
    "counter",
  );
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MB`;
}
