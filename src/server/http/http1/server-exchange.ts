import { callListener, type EndListener } from "../../../end-signal.ts";
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
  /**
   * Sends bytes, or keeps them until the caller takes them. They must not change, unless they are in a shared buffer.
   *
   * @param shared the number of bytes at the beginning of a shared buffer
   */
  write(bytes: Uint8Array, shared?: number): void;
  /**
   * The response under way has been written.
   *
   * @param isLast true to close the connection after it
   */
  responded(isLast: boolean): void;
  /** Passes the request under way on to another listener, and all that comes after it. `bytes` are the whole request. */
  passOn(bytes: Buffer): void;
  /** Answers a request that nobody handles, and closes the connection. */
  refuse(status: number): void;
  /** Closes the connection at once. */
  destroy(): void;
  /** A long response begins: frees what only the request needed. */
  forgetRequest(): void;
}

/** Is told what becomes of a response while it is sent. */
export interface ResponseWatcher {
  /** The caller takes more bytes again. */
  drained?(): void;
  /** The caller has gone before the end of its response. */
  gone(): void;
}

/** One request on a connection, and its response. */
export class ServerExchange {
  /** True once it is being handled. */
  isUnderWay = false;
  /** True once the caller has shown a valid bearer. */
  isKnown = false;
  watcher: ResponseWatcher | undefined;
  #ended: AbortController | undefined;
  #callbacks: EndListener[] | undefined;
  #isGone = false;

  constructor(
    readonly connection: CallerConnection,
    readonly head: RequestHead,
    /** Undefined where the request has none, and once a long response has begun. */
    public body: IncomingBody | undefined,
  ) {}

  /** A long response begins: frees what only the request needed. */
  forgetRequest(): void {
    if (this.body?.over) this.body = undefined;
    this.head.forgetHeaders();
    this.connection.forgetRequest();
  }

  /** Aborts when the caller has gone. It is made when it is asked for. */
  get signal(): AbortSignal {
    if (this.#ended === undefined) {
      this.#ended = new AbortController();
      if (this.#isGone) this.#ended.abort();
    }
    return this.#ended.signal;
  }

  /** Calls back once when the caller has gone; at once if it has. */
  whenGone(callback: EndListener): void {
    if (this.#isGone) return callListener(callback);
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
    for (const callback of this.#callbacks ?? []) callListener(callback);
    this.watcher?.gone();
  }
}
