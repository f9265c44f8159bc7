import { encodeBytes } from "./binary-frame.ts";
import { partBytes } from "./constants.ts";

/** Bytes that are sent on one channel. */
export interface PartSource {
  readonly channel: number;
  /** Returns the next bytes, at most so many; undefined if there are none that may be sent now. */
  take(most: number): Uint8Array | undefined;
}

export interface PartSenderOptions {
  /** Limits the bytes that are on their way. */
  window: { readonly hasRoom: boolean; sent(bytes: number): void };
  /** Sends a binary frame. */
  send(frame: Uint8Array<ArrayBuffer>): void;
}

/** Sends the bytes of several channels over one link: a part of each in turn, as far as the window allows. */
export class PartSender {
  readonly #options: PartSenderOptions;
  /** The sources that may have bytes to send. The first one is next. */
  readonly #sources = new Set<PartSource>();
  #isPumping = false;

  constructor(options: PartSenderOptions) {
    this.#options = options;
  }

  /** Sends the bytes of a source, which has some to send again. */
  add(source: PartSource): void {
    this.#sources.add(source);
    this.pump();
  }

  remove(source: PartSource): void {
    this.#sources.delete(source);
  }

  /** Sends what the window allows. Must be called when it allows more again. */
  pump(): void {
    // A source that is asked for bytes can make room for more, and be added again meanwhile.
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { window, send } = this.#options;
    for (const source of this.#sources) {
      if (!window.hasRoom) break;
      this.#sources.delete(source);
      const part = source.take(partBytes);
      if (!part) continue;
      // A set is iterated in the order of adding: this source is the last one now.
      this.#sources.add(source);
      window.sent(part.length);
      send(encodeBytes(source.channel, part));
    }
    this.#isPumping = false;
  }
}
