import type { Gauges } from "../gauges.ts";
import type { Component } from "../lifecycle.ts";
import { timer } from "../timer.ts";
import { storeFailure } from "./store-failure.ts";
import { type Store, StoreError } from "./types.ts";

/** Milliseconds after which a database that has not answered a ping counts as gone. */
const patience = 5000;

/**
 * The health of the database as the last ping found it. Whoever asks waits for nothing: a ping of a database that hangs
 * takes as long as the timeout of a query.
 */
export class StoreHealth {
  readonly #store: Pick<Store, "ping">;
  readonly #elapsed: () => number;
  /** Time of the last success, on the monotonic clock. */
  #succeededAt: number;
  #failure: string | undefined;
  #ping: Promise<void> | undefined;

  /** @param elapsed a monotonic clock, in milliseconds */
  constructor(store: Pick<Store, "ping">, elapsed: () => number) {
    this.#store = store;
    this.#elapsed = elapsed;
    this.#succeededAt = elapsed();
  }

  /** Returns the reason why the database cannot be used now; undefined if it can. */
  get failure(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const seconds = this.secondsSinceSuccess;
    if (seconds * 1000 < patience) return undefined;
    return `the database has not answered for ${Math.floor(seconds)} s`;
  }

  /** Seconds since the database last answered. */
  get secondsSinceSuccess(): number {
    return (this.#elapsed() - this.#succeededAt) / 1000;
  }

  /** Pings the database, unless a ping is under way. Resolves when its result is known. */
  check(): Promise<void> {
    this.#ping ??= this.#store
      .ping()
      .then(
        () => {
          this.#succeededAt = this.#elapsed();
          this.#failure = undefined;
        },
        (error: unknown) => {
          this.#failure =
            error instanceof StoreError ? storeFailure(error).message : "the database does not answer";
        },
      )
      .finally(() => {
        this.#ping = undefined;
      });
    return this.#ping;
  }
}

/**
 * Watches the health of the database for `/readyz` and the metrics.
 *
 * @param every milliseconds between two pings
 */
export function storeHealthComponent(health: StoreHealth, every: number, gauges: Gauges): Component<unknown> {
  gauges.gauge("mcpctl_database_up", "1 while the database can be used", () =>
    health.failure === undefined ? 1 : 0,
  );
  gauges.gauge(
    "mcpctl_database_last_success_seconds",
    "Time since the database last answered",
    () => health.secondsSinceSuccess,
  );
  return timer({ name: "database health timer", every, run: () => health.check(), onError() {} });
}
