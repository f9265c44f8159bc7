import type { Exchange } from "./http1/exchange.ts";
import type { HeaderFields } from "./http1/header-lines.ts";
import type { HttpFailure } from "./http1/http-failure.ts";
import { MessageBody } from "./http1/message-body.ts";

/** The response of a provider, as a caller of the provider reads it. */
export type ProviderResponse = Pick<
  Exchange,
  "status" | "headers" | "over" | "bytes" | "text" | "pipe" | "pause" | "resume" | "cancel"
> &
  Partial<Pick<Exchange, "forgetHeaders" | "takeOnePart">>;

/** Signals from the reader of a response to its writer. */
export interface ResponseWriter {
  /** The reader has given up a response that is not over. */
  onCancel(): void;
  /** The reader takes more again. */
  onResume?(): void;
}

/** A response that is written part by part, for one reader. The writer checks `held` before it writes the next part. */
export class PushedResponse extends MessageBody implements ProviderResponse {
  readonly status: number;
  readonly headers: HeaderFields;
  readonly #writer: ResponseWriter;
  #held: PromiseWithResolvers<void> | undefined;

  /** @param headers names in lower case */
  constructor(status: number, headers: Readonly<Record<string, string>>, writer: ResponseWriter) {
    super();
    this.status = status;
    this.headers = new Map(Object.entries(headers));
    this.#writer = writer;
  }

  /** Resolves when the reader takes more; undefined when it does already. */
  get held(): Promise<void> | undefined {
    return this.#held?.promise;
  }

  pause(): void {
    if (!this.over) this.#held ??= Promise.withResolvers();
  }

  resume(): void {
    if (!this.#held) return;
    this.#held.resolve();
    this.#held = undefined;
    if (!this.over) this.#writer.onResume?.();
  }

  protected giveUp(failure: HttpFailure): void {
    this.fail(failure);
    this.#writer.onCancel();
  }

  /** Releases a writer that is held. */
  protected onOver(): void {
    this.resume();
  }
}
