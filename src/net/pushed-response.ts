import { type BodySink, type Exchange, gather, HttpFailure } from "./http1/exchange.ts";

/** An answer as the HTTP client gives it, for whoever reads on. */
export type ProviderResponse = Pick<
  Exchange,
  "status" | "headers" | "over" | "bytes" | "text" | "pipe" | "pause" | "resume" | "cancel"
>;

/** An answer that nobody reads is held back once this many bytes wait here. */
const waitingLimit = 256 * 1024;

/** What the writer of an answer is to know of its reader. */
export interface ResponseWriter {
  /** The reader has given up an answer that is not over. */
  onCancel(): void;
  /** The reader takes more again. */
  onResume?(): void;
}

/** An answer that somebody writes part by part, for one reader. Whoever writes asks `held` before the next part. */
export class PushedResponse implements ProviderResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  over = false;
  readonly #writer: ResponseWriter;
  #waiting: Buffer[] = [];
  #waitingLength = 0;
  #sink: BodySink | undefined;
  #failure: Error | undefined;
  #held: { promise: Promise<void>; release(): void } | undefined;

  /** @param headers names in lower case */
  constructor(status: number, headers: Readonly<Record<string, string>>, writer: ResponseWriter) {
    this.status = status;
    this.headers = new Map(Object.entries(headers));
    this.#writer = writer;
  }

  /** Resolves when the reader wants more; undefined when it does. */
  get held(): Promise<void> | undefined {
    return this.#held?.promise;
  }

  push(bytes: Buffer): void {
    if (this.over) return;
    if (this.#sink) return this.#sink.data(bytes);
    this.#waiting.push(bytes);
    this.#waitingLength += bytes.length;
    if (this.#waitingLength >= waitingLimit) this.pause();
  }

  end(): void {
    if (this.over) return;
    this.#finish();
    this.#sink?.end();
  }

  fail(failure: Error): void {
    if (this.over) return;
    this.#failure = failure;
    this.#finish();
    this.#sink?.error(failure);
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    const before = this.#failure;
    for (const part of this.#waiting) if (this.#failure === before) sink.data(part);
    this.#waiting = [];
    if (this.#failure) sink.error(this.#failure);
    else if (this.over) sink.end();
    else if (this.#waitingLength >= waitingLimit) this.resume();
  }

  pause(): void {
    if (this.over || this.#held) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = { promise, release: resolve };
  }

  resume(): void {
    if (!this.#held) return;
    this.#held.release();
    this.#held = undefined;
    if (!this.over) this.#writer.onResume?.();
  }

  cancel(): void {
    if (this.over) return;
    this.fail(new HttpFailure("cancelled", "the call was cancelled"));
    this.#writer.onCancel();
  }

  bytes(limit: number): Promise<Buffer> {
    return gather(this, limit, () => this.cancel());
  }

  text(limit: number): Promise<string> {
    return this.bytes(limit).then((bytes) => bytes.toString("utf8"));
  }

  #finish(): void {
    this.over = true;
    this.resume();
  }
}
