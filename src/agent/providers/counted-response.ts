import type { BodySink } from "../../net/http1/response-body.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";

/** A provider's response that calls back when it is over: read to the end, failed or cancelled. */
export class CountedResponse implements ProviderResponse {
  readonly #answer: ProviderResponse;
  readonly #onOver: (failure?: unknown) => void;

  /** @param onOver may be called more than once */
  constructor(answer: ProviderResponse, onOver: (failure?: unknown) => void) {
    this.#answer = answer;
    this.#onOver = onOver;
  }

  get status(): number {
    return this.#answer.status;
  }

  get headers(): ReadonlyMap<string, string> {
    return this.#answer.headers;
  }

  get over(): boolean {
    return this.#answer.over;
  }

  pipe(sink: BodySink): void {
    this.#answer.pipe({
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
    return this.#whole(this.#answer.bytes(limit));
  }

  text(limit: number): Promise<string> {
    return this.#whole(this.#answer.text(limit));
  }

  pause(): void {
    this.#answer.pause();
  }

  resume(): void {
    this.#answer.resume();
  }

  cancel(): void {
    this.#answer.cancel();
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
