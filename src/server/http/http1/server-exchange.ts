import { callerLeft } from "../../../errors.ts";
import type { IncomingBody } from "./incoming-body.ts";
import type { RequestHead } from "./request-head.ts";

/** The part of a connection that an exchange uses. */
export interface CallerConnection {
  /** The address of the caller; undefined when it has gone. */
  readonly address: string | undefined;
  readonly port: number;
  /** True if the response under way is the last one of the connection. */
  readonly isLast: boolean;
  /** Bytes that the caller has not taken yet. */
  readonly unsent: number;
  /** Sends bytes, or keeps them until the caller takes them. They must not change. */
  write(bytes: Uint8Array): void;
  /**
   * The response under way has been written.
   *
   * @param isLast true to close the connection after it
   */
  responded(isLast: boolean): void;
  /** Answers a request that nobody handles, and closes the connection. */
  refuse(status: number): void;
  /** Closes the connection at once. */
  destroy(): void;
}

/** One request on a connection, and its response. */
export class ServerExchange {
  /** True once the caller has shown a valid bearer. */
  isKnown = false;
  /** Called when the caller takes more bytes again. */
  onDrain: (() => void) | undefined;
  /** Called when the caller has gone before the end of its response. */
  onGone: (() => void) | undefined;
  #ended: AbortController | undefined;
  #callbacks: (() => void)[] | undefined;
  #isGone = false;

  /** @param body undefined where the request has none */
  constructor(
    readonly connection: CallerConnection,
    readonly head: RequestHead,
    readonly body: IncomingBody | undefined,
  ) {}

  /** Aborts when the caller has gone. It is made when it is asked for. */
  get signal(): AbortSignal {
    if (this.#ended === undefined) {
      this.#ended = new AbortController();
      if (this.#isGone) this.#ended.abort();
    }
    return this.#ended.signal;
  }

  /** Calls back once when the caller has gone; at once if it has. */
  whenGone(callback: () => void): void {
    if (this.#isGone) return callback();
    this.#callbacks ??= [];
    this.#callbacks.push(callback);
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** @internal The caller has gone. */
  gone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.body?.fail(callerLeft());
    this.#ended?.abort();
    for (const callback of this.#callbacks ?? []) callback();
    this.onGone?.();
  }
}
