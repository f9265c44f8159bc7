import type { HeaderFields } from "../../net/http1/header-lines.ts";
import { MessageBody } from "../../net/http1/message-body.ts";
import { HttpFailure } from "../../net/outbound.ts";

/** A response of `fetch` as a wire reads it, for programs that have a client of their own. */
export class FetchedResponse extends MessageBody {
  readonly status: number;
  readonly headers: HeaderFields;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #held: PromiseWithResolvers<void> | undefined;

  constructor({ status, headers, body }: Response) {
    super();
    this.status = status;
    this.headers = new Map(headers);
    this.#reader = body?.getReader();
    void this.#read();
  }

  pause(): void {
    this.#held ??= Promise.withResolvers();
  }

  resume(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  protected giveUp(failure: HttpFailure): void {
    this.fail(failure);
  }

  protected onOver(failure: Error | undefined): void {
    this.resume();
    if (failure) void this.#reader?.cancel().catch(() => undefined);
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        await this.#held?.promise;
        const part = await this.#reader?.read();
        if (!part || part.done) return this.end();
        this.push(Buffer.from(part.value));
      }
    } catch (cause) {
      const isTimeout = (cause as { name?: string }).name === "TimeoutError";
      this.fail(new HttpFailure(isTimeout ? "timeout" : "closed", "the connection was lost", { cause }));
    }
  }
}
