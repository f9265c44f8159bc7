import { type BodySink, type Exchange, HttpFailure } from "../http1/exchange.ts";

/** An answer as the HTTP client gives it, for whoever reads on. */
export type ProviderAnswer = Pick<
  Exchange,
  "status" | "headers" | "over" | "bytes" | "text" | "pipe" | "pause" | "resume" | "cancel"
>;

/** An answer that nobody reads is held back once this many bytes wait here. */
const waitingLimit = 256 * 1024;

/** What a run answers, for one reader. Whoever writes asks `held` before the next part. */
export class GeminiAnswer implements ProviderAnswer {
  readonly status = 200;
  readonly headers: ReadonlyMap<string, string>;
  over = false;
  readonly #onCancel: () => void;
  #waiting: Buffer[] = [];
  #waitingLength = 0;
  #sink: BodySink | undefined;
  #failure: Error | undefined;
  #held: { promise: Promise<void>; release(): void } | undefined;

  /** @param onCancel called when the reader gives up an answer that is not over */
  constructor(contentType: string, onCancel: () => void) {
    this.headers = new Map([["content-type", contentType]]);
    this.#onCancel = onCancel;
  }

  /** Resolves when the reader wants more; undefined when it does. */
  get held(): Promise<void> | undefined {
    return this.#held?.promise;
  }

  push(text: string): void {
    if (this.over) return;
    const bytes = Buffer.from(text);
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
    this.#held?.release();
    this.#held = undefined;
  }

  cancel(): void {
    if (this.over) return;
    this.fail(new HttpFailure("cancelled", "the call was cancelled"));
    this.#onCancel();
  }

  bytes(limit: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    return new Promise((resolve, reject) => {
      this.pipe({
        data: (bytes) => {
          parts.push(bytes);
          length += bytes.length;
          if (length <= limit) return;
          reject(new HttpFailure("too-large", `the answer is over ${limit} bytes`));
          this.cancel();
        },
        end: () => resolve(Buffer.concat(parts)),
        error: reject,
      });
    });
  }

  text(limit: number): Promise<string> {
    return this.bytes(limit).then((bytes) => bytes.toString("utf8"));
  }

  #finish(): void {
    this.over = true;
    this.resume();
  }
}
