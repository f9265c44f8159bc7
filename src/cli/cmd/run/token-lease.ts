import { anything } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";

/** The time for which a renewed token is valid. */
const leaseSeconds = 60 * 60;
/** A token is renewed when it has this much time left. Half of the time may pass without a connection. */
const renewBeforeMs = 40 * 60 * 1000;
/** Milliseconds between two looks at the clock, which a suspended machine does not stop. */
const checkMs = 30_000;

/** Keeps the token of a running program valid. If mcpctl is killed, the token expires within an hour. */
export class TokenLease {
  readonly #client: ApiClient;
  readonly #path: string;
  readonly #now: () => number;
  #end = 0;
  #renewing: Promise<void> | undefined;
  #stop: (() => void) | undefined;

  /**
   * @param client a client that signals do not end
   * @param name the name of the token, which must expire
   * @param now milliseconds since 1970
   */
  constructor(client: ApiClient, name: string, now: () => number) {
    this.#client = client;
    this.#path = `/api/v1/tokens/${encodeURIComponent(name)}/renew`;
    this.#now = now;
  }

  /** Renews the token now, and again whenever it is near its end, until `stop`. */
  start(): void {
    const timer = setInterval(() => void this.check(), checkMs);
    this.#stop = () => clearInterval(timer);
    void this.check();
  }

  /** Renews the token if it is near its end. Never throws: it is tried again, and a server of an older version cannot. */
  check(): Promise<void> {
    if (this.#end - this.#now() > renewBeforeMs) return Promise.resolve();
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Ends the renewals, and returns when none is under way. */
  async stop(): Promise<void> {
    this.#stop?.();
    await this.#renewing;
  }

  async #renew(): Promise<void> {
    const at = this.#now();
    try {
      await this.#client.call("POST", this.#path, { body: { seconds: leaseSeconds }, answer: anything });
      this.#end = at + leaseSeconds * 1000;
    } catch {
      // The program has the terminal, so that nothing is printed. The token is still valid for a while.
    }
  }
}
