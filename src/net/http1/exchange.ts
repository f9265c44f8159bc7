import type { EndSignal } from "../../end-signal.ts";
import type { HttpProxy } from "../../proxies.ts";
import type { ResponseHead } from "./head.ts";
import type { HeaderFields } from "./header-lines.ts";
import { MessageBody } from "./message-body.ts";
import type { ResponseReceiver } from "./parser.ts";
import type { RequestText } from "./request-text.ts";

/** The place that a request is sent to. */
export interface HttpTarget {
  protocol: "http:" | "https:";
  /** A name or an address; an IPv6 address with or without brackets. */
  hostname: string;
  port: number;
  /** Path and query, sent as they are. */
  path: string;
  /** The proxy that the connection goes through. */
  proxy?: HttpProxy | undefined;
}

/**
 * Milliseconds. `firstByte` runs from the sending to the head, and anew with each part of the request that the line takes;
 * `silence` between two parts of a body.
 */
export interface Timeouts {
  connect: number;
  firstByte: number;
  silence: number;
}

/** The part of a connection that an exchange uses. */
export interface ExchangeConnection {
  /** Stops reading from the socket, so that the peer has to wait. */
  pause(): void;
  resume(): void;
  /** Closes the socket at once. */
  destroy(): void;
}

const noHeaders: HeaderFields = new Map();

const noParts: readonly Uint8Array[] = [];
const nothing = Buffer.alloc(0);

/**
 * One request and its response: first the head, then the body for one reader. A response that is neither read nor
 * cancelled holds its connection.
 */
export class Exchange extends MessageBody implements ResponseReceiver {
  /** 0 until the head of the response has come. */
  status = 0;
  /** @internal Parts of the request that are sent after the message; the client sets them. */
  parts: readonly Uint8Array[] = noParts;
  /** @internal The connection on which the request was sent; the client sets it. */
  connection: ExchangeConnection | undefined;
  #head: ResponseHead | undefined;
  readonly #signal: EndSignal | undefined;

  constructor(
    readonly target: HttpTarget,
    readonly method: string,
    /** @internal The request as it is sent; nothing once there is a response, because it is not sent again then. */
    public message: Buffer | RequestText,
    readonly timeouts: Timeouts,
    signal: EndSignal | undefined,
    /** Waits for the head; nobody once it has come. */
    private waiting: { resolve(response: Exchange): void; reject(error: Error): void } | undefined,
  ) {
    super();
    this.#signal = signal;
    signal?.addEventListener("abort", this);
  }

  /** @internal The signal of the request has aborted. */
  handleEvent(): void {
    this.cancel();
  }

  /** Names in lower case. A repeated header is joined by ", ". */
  get headers(): HeaderFields {
    return this.#head?.headers ?? noHeaders;
  }

  /** Frees the headers, for the reader of a long body. They are read anew if they are asked for again. */
  forgetHeaders(): void {
    this.#head?.forgetHeaders();
  }

  pause(): void {
    if (!this.over) this.connection?.pause();
  }

  resume(): void {
    if (!this.over) this.connection?.resume();
  }

  /** @internal */
  head(head: ResponseHead): void {
    this.status = head.status;
    this.#head = head;
    this.message = nothing;
    this.parts = noParts;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(this);
  }

  protected giveUp(failure: Error): void {
    this.fail(failure);
  }

  /** A response that is not whole takes its connection along. */
  protected onOver(failure: Error | undefined): void {
    this.#signal?.removeEventListener("abort", this);
    if (failure === undefined) return;
    this.connection?.destroy();
    this.waiting?.reject(failure);
  }
}
