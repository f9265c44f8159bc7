import type { PartSource } from "../../wire/link/part-sender.ts";

/** A request that goes to its agent in parts. */
export class RequestParts implements PartSource {
  readonly channel: number;
  readonly length: number;
  readonly #bytes: Buffer;
  readonly #onProgress: () => void;
  #sent = 0;

  /**
   * @param request the body for the provider, as JSON text
   * @param onProgress called when a part is sent, and when bytes have arrived while some wait
   */
  constructor(channel: number, request: string, onProgress: () => void) {
    this.channel = channel;
    this.#bytes = Buffer.from(request);
    this.length = this.#bytes.length;
    this.#onProgress = onProgress;
  }

  get isSent(): boolean {
    return this.#sent === this.length;
  }

  /** Notes that bytes have arrived at the agent, of this request or of another one. */
  arrived(): void {
    if (!this.isSent) this.#onProgress();
  }

  take(most: number): Uint8Array | undefined {
    if (this.isSent) return undefined;
    const part = this.#bytes.subarray(this.#sent, this.#sent + most);
    this.#sent += part.length;
    this.#onProgress();
    return part;
  }
}
