import type { HeaderFields } from "../../net/http1/header-lines.ts";
import type { BodySink } from "../../net/http1/message-body.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";

/** A provider's response that calls back when it is over: read to the end, failed or cancelled. */
export class CountedResponse implements ProviderResponse {
  readonly #response: ProviderResponse;
  readonly #onOver: (failure?: unknown) => void;

  /** @param onOver may be called more than once */
  constructor(response: ProviderResponse, onOver: (failure?: unknown) => void) {
    this.#response = response;
    this.#onOver = onOver;
  }

  get status(): number {
    return this.#response.status;
  }

  get headers(): HeaderFields {
    return this.#response.headers;
  }

  get over(): boolean {
    return this.#response.over;
  }

  pipe(sink: BodySink): void {
    this.#response.pipe({
      data: (bytes) => sink.data(bytes),
      end: () => {
        this.#onOver();
        sink.end();
      },
      error: (error) => {
        this.#onOver(error);
        sink.error(error);
      },
    });
  }

  bytes(limit: number): Promise<Buffer> {
    return this.#whole(this.#response.bytes(limit));
  }

  text(limit: number): Promise<string> {
    return this.#whole(this.#response.text(limit));
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  cancel(): void {
    this.#response.cancel();
    this.#onOver();
  }

  async #whole<T>(reading: Promise<T>): Promise<T> {
    try {
      const whole = await reading;
      this.#onOver();
      return whole;
    } catch (error) {
      this.#onOver(error);
      throw error;
    }
  }
}
