import type { Log } from "../../../log.ts";

/** The reason for which the server closed a connection: too many of one address, no descriptors left, a vanished peer. */
type Reason = "address" | "descriptors" | "vanished";

/** Milliseconds between two lines in the log about one reason. */
const logInterval = 60_000;

/** Counts the connections that the server closed, and logs them once a minute for each reason. */
export class ClosedConnections {
  readonly counts: Record<Reason, number> = { address: 0, descriptors: 0, vanished: 0 };
  readonly #unlogged = { address: 0, descriptors: 0 };
  readonly #lastLogged = { address: Number.NEGATIVE_INFINITY, descriptors: Number.NEGATIVE_INFINITY };
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Counts connections whose peer has vanished. They need no attention: the peers are gone. */
  addVanished(count: number): void {
    this.counts.vanished += count;
  }

  /**
   * Counts connections that were closed for others.
   *
   * @param cause the limit that was reached, for the log
   * @param now a monotonic time in milliseconds
   */
  add(reason: Exclude<Reason, "vanished">, count: number, cause: string, now: number): void {
    this.counts[reason] += count;
    this.#unlogged[reason] += count;
    if (now - this.#lastLogged[reason] < logInterval) return;
    this.#lastLogged[reason] = now;
    this.#log.warn(`closed ${this.#unlogged[reason]} connections: ${cause}`);
    this.#unlogged[reason] = 0;
  }
}
