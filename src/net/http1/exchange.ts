import type { Connection } from "./connection.ts";
import type { ResponseHead } from "./head.ts";
import type { ResponseEvents } from "./parser.ts";

/** Why a call failed. After `connect` and `refused` nothing had been sent. */
export type FailureKind =
  | "connect"
  | "refused"
  | "timeout"
  | "closed"
  | "malformed"
  | "cancelled"
  | "too-large";

export class HttpFailure extends Error {
  override name = "HttpFailure";
  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface Target {
  protocol: "http:" | "https:";
  /** A name or an address; an IPv6 address with or without brackets. */
  hostname: string;
  port: number;
  /** Path and query, sent as they are. */
  path: string;
}

/** Takes the parts of a body as they come, then one `end` or one `error`. Parts may be kept. */
export interface BodySink {
  data(bytes: Buffer): void;
  end(): void;
  error(error: Error): void;
}

/** Milliseconds. `firstByte` runs from the sending to the head, `silence` between two parts of a body. */
export interface Timeouts {
  connect: number;
  firstByte: number;
  silence: number;
}

/** An answer that is not being read is held back once this many bytes wait here. */
const waitingLimit = 256 * 1024;

/**
 * One request and its answer: first the head, then the body for one reader. An answer neither read
 * nor cancelled holds its connection.
 */
export class Exchange implements ResponseEvents {
  status = 0;
  /** Nothing more comes: the answer was read whole, failed or was cancelled. */
  over = false;
  /** @internal Where the request was sent; the client sets it. */
  connection: Connection | undefined;
  #head: ResponseHead | undefined;
  #waiting: Buffer[] = [];
  #waitingLength = 0;
  #failure: Error | undefined;
  #sink: BodySink | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: (() => void) | undefined;

  constructor(
    readonly target: Target,
    readonly method: string,
    readonly message: Buffer,
    readonly timeouts: Timeouts,
    signal: AbortSignal | undefined,
    private readonly resolve: (answer: Exchange) => void,
    private readonly reject: (error: Error) => void,
  ) {
    if (signal === undefined) return;
    this.#signal = signal;
    this.#onAbort = () => this.cancel();
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Names in lower case. A repeated header is joined by ", ". */
  get headers(): ReadonlyMap<string, string> {
    return this.#head?.headers ?? new Map();
  }

  /** Hands all parts to the sink: at once those that came, the others as they come. */
  pipe(sink: BodySink): void {
    this.#sink = sink;
    // What came before a failure is still handed over; a failure that the sink causes ends it.
    const before = this.#failure;
    for (const part of this.#waiting) if (this.#failure === before) sink.data(part);
    this.#waiting = [];
    if (this.#failure !== undefined) sink.error(this.#failure);
    else if (this.over) sink.end();
    else if (this.#waitingLength >= waitingLimit) this.resume();
  }

  /** Stops reading from the socket, so that the peer has to wait. Silence is not counted meanwhile. */
  pause(): void {
    if (!this.over) this.connection?.pause();
  }

  resume(): void {
    if (!this.over) this.connection?.resume();
  }

  /** Gives up an answer that is not over: closes its connection, the sink hears `HttpFailure` "cancelled". */
  cancel(): void {
    this.fail(new HttpFailure("cancelled", "the call was cancelled"));
  }

  /** The whole body. Over `limit` bytes: `HttpFailure` "too-large", and the connection is closed. */
  bytes(limit: number): Promise<Buffer> {
    if (this.over && this.#failure === undefined && this.#waitingLength <= limit) {
      return Promise.resolve(joined(this.#waiting));
    }
    return gather(this, limit, (failure) => this.fail(failure));
  }

  /** The whole body as UTF-8, with the limit of `bytes`. */
  text(limit: number): Promise<string> {
    return this.bytes(limit).then((bytes) => bytes.toString("utf8"));
  }

  /** The parts one by one; the socket waits for the reader. Leaving the loop early cancels. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const queue: Buffer[] = [];
    let queued = 0;
    let failure: Error | undefined;
    let ended = false;
    let wake = () => {};
    this.pipe({
      data: (bytes) => {
        queue.push(bytes);
        queued += bytes.length;
        if (queued >= waitingLimit) this.pause();
        wake();
      },
      end: () => {
        ended = true;
        wake();
      },
      error: (error) => {
        failure = error;
        wake();
      },
    });
    try {
      while (true) {
        while (queue.length > 0) {
          const part = queue.shift()!;
          queued -= part.length;
          yield part;
        }
        if (failure !== undefined) throw failure;
        if (ended) return;
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        this.resume();
        await changed;
      }
    } finally {
      this.cancel();
    }
  }

  /** @internal */
  onHead(head: ResponseHead): void {
    this.status = head.status;
    this.#head = head;
    this.resolve(this);
  }

  /** @internal */
  onBody(bytes: Buffer): void {
    if (this.over) return;
    if (this.#sink !== undefined) return this.#sink.data(bytes);
    this.#waiting.push(bytes);
    this.#waitingLength += bytes.length;
    if (this.#waitingLength >= waitingLimit) this.pause();
  }

  /** @internal */
  onEnd(): void {
    if (this.over) return;
    this.#finish();
    this.#sink?.end();
  }

  /** @internal Ends the exchange with an error, once, and closes its connection. */
  fail(failure: Error): void {
    if (this.over) return;
    this.#failure = failure;
    this.#finish();
    this.connection?.destroy();
    if (this.status === 0) this.reject(failure);
    else this.#sink?.error(failure);
  }

  #finish(): void {
    this.over = true;
    this.#signal?.removeEventListener("abort", this.#onAbort!);
  }
}

/**
 * All parts of a body as one.
 *
 * @param giveUp ends the answer that is over `limit` bytes; the promise rejects with the failure, "too-large"
 */
export function gather(
  answer: { pipe(sink: BodySink): void },
  limit: number,
  giveUp: (failure: HttpFailure) => void,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    answer.pipe({
      data: (bytes) => {
        parts.push(bytes);
        length += bytes.length;
        if (length <= limit) return;
        const failure = new HttpFailure("too-large", `the answer is over ${limit} bytes`);
        reject(failure);
        giveUp(failure);
      },
      end: () => resolve(joined(parts)),
      error: reject,
    });
  });
}

function joined(parts: Buffer[]): Buffer {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
