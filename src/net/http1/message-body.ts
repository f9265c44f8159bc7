import { largeText } from "../../wire/next-turn.ts";
import { Pieces } from "../../wire/pieces.ts";
import { HttpFailure } from "./http-failure.ts";

/** Takes the parts of a body as they come, then one `end` or one `error`. Parts may be kept. */
export interface BodySink {
  data(bytes: Buffer): void;
  end(): void;
  error(error: Error): void;
}

/** The sender of a body is held back once this many bytes wait for a reader. */
const waitingLimit = 256 * 1024;

/** The body of a response, for one reader. Parts that come before there is a reader wait here. */
export abstract class MessageBody {
  /** True if nothing more comes: the body has ended, has failed or was cancelled. */
  over = false;
  /** Undefined until a part has come for which there is no reader. */
  #waiting: Pieces | undefined;
  #failure: Error | undefined;
  /** The reader, until the body is over. */
  #sink: BodySink | undefined;

  /** Holds the sender back. The time for which the sender may be silent does not run meanwhile. */
  abstract pause(): void;
  abstract resume(): void;
  /** The reader does not want the rest. Fails the body. */
  protected abstract giveUp(failure: HttpFailure): void;
  /** Called once, when the body is over, before the reader is told. */
  protected abstract onOver(failure: Error | undefined): void;

  /** Hands all parts to the sink: at once those that came, the others as they come. */
  pipe(sink: BodySink): void {
    this.#sink = sink;
    // Parts that came before a failure are still handed over. A failure that the sink causes ends the body.
    const before = this.#failure;
    const waiting = this.#waiting;
    const wasHeld = waiting !== undefined && waiting.length >= waitingLimit;
    this.#waiting = undefined;
    if (waiting) for (const part of waiting.takeParts()) if (this.#failure === before) sink.data(part);
    // The body may be kept longer than its reader.
    if (this.over) this.#sink = undefined;
    if (this.#failure !== undefined) sink.error(this.#failure);
    else if (this.over) sink.end();
    else if (wasHeld) this.resume();
  }

  /**
   * Takes a body that has come whole, if it came in one piece and is no longer than the limit; otherwise undefined, and
   * nothing is taken.
   */
  takeOnePart(limit = Number.POSITIVE_INFINITY): Buffer | undefined {
    const waiting = this.#waiting;
    if (!this.over || this.#failure !== undefined || waiting?.isOnePart !== true) return undefined;
    return waiting.length > limit ? undefined : waiting.take();
  }

  /** Gives up a body that is not over. The sink gets an `HttpFailure` of kind `cancelled`. */
  cancel(): void {
    if (!this.over) this.giveUp(new HttpFailure("cancelled", "the call was cancelled"));
  }

  /**
   * Reads the whole body.
   *
   * @param limit bytes; a longer body is given up
   * @param onLarge called once there is more than 1 MB: the sender is held back until it returns
   * @throws HttpFailure of kind `too-large` over the limit; whatever the body failed with
   */
  bytes(limit: number, onLarge?: () => Promise<void> | undefined): Promise<Buffer> {
    const waiting = this.#waiting;
    const most = onLarge ? Math.min(limit, largeText) : limit;
    if (this.over && this.#failure === undefined && waiting !== undefined && waiting.length <= most)
      return Promise.resolve(waiting.take());
    return this.#bytesToCome(limit, onLarge);
  }

  #bytesToCome(limit: number, onLarge: (() => Promise<void> | undefined) | undefined): Promise<Buffer> {
    const pieces = new Pieces();
    return new Promise((resolve, reject) => {
      const giveUp = (failure: Error) => {
        reject(failure);
        this.cancel();
      };
      let isAsked = onLarge === undefined;
      let waits: Promise<void> | undefined;
      this.pipe({
        data: (bytes) => {
          pieces.add(bytes);
          if (pieces.length > limit)
            giveUp(new HttpFailure("too-large", `the response is over ${limit} bytes`));
          else if (!isAsked && pieces.length > largeText) {
            isAsked = true;
            waits = onLarge?.();
            if (!waits) return;
            this.pause();
            waits.then(() => this.resume(), giveUp);
          }
        },
        end: () => {
          if (waits) waits.then(() => resolve(pieces.takeInTurns()), reject);
          else resolve(pieces.length > largeText ? pieces.takeInTurns() : pieces.take());
        },
        error: reject,
      });
    });
  }

  /** Reads the whole body as UTF-8, as `bytes` does. */
  text(limit: number): Promise<string> {
    return this.bytes(limit).then((bytes) => bytes.toString("utf8"));
  }

  /** @internal Adds the next part. */
  push(bytes: Buffer): void {
    if (this.over) return;
    if (this.#sink !== undefined) return this.#sink.data(bytes);
    this.#waiting ??= new Pieces();
    this.#waiting.add(bytes);
    if (this.#waiting.length >= waitingLimit) this.pause();
  }

  /** @internal Ends a body that is whole. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.onOver(undefined);
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.end();
  }

  /** @internal Ends a body that is not whole. */
  fail(failure: Error): void {
    if (this.over) return;
    this.over = true;
    this.#failure = failure;
    this.onOver(failure);
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.error(failure);
  }
}
