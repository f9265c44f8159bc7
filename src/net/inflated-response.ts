import { type Decoder, decoderFor, encodingOf, freeBytes, maxRatio } from "./content-encoding.ts";
import type { HeaderFields } from "./http1/header-lines.ts";
import { HttpFailure } from "./http1/http-failure.ts";
import { MessageBody } from "./http1/message-body.ts";
import type { ProviderResponse } from "./pushed-response.ts";

/** The most characters of an encoding's name that an error quotes. */
const longestName = 40;

/**
 * Returns a response whose body is not compressed: the same one where it is so already. Some gateways compress what they
 * were asked for uncompressed (case 156).
 */
export function uncompressed(response: ProviderResponse): ProviderResponse {
  const encoding = encodingOf(response.headers.get("content-encoding"));
  return encoding === undefined ? response : new InflatedResponse(response, encoding);
}

/**
 * A compressed response, decompressed as it comes: what a part of it says is there as soon as the part is. The reader holds
 * back the sender through it. It grows no further once it exceeds a limit (T194).
 */
class InflatedResponse extends MessageBody implements ProviderResponse {
  readonly status: number;
  readonly headers: HeaderFields;
  readonly #source: ProviderResponse;
  readonly #encoding: string;
  /** Undefined until the first byte has come, and for a body that is not compressed after all. */
  #decoder: Decoder | undefined;
  #received = 0;
  #inflated = 0;
  #isPlain = false;
  #isPaused = false;
  /** The failure of the source. What came before it is read first. */
  #cut: Error | undefined;

  constructor(source: ProviderResponse, encoding: string) {
    super();
    this.status = source.status;
    const headers = new Map(source.headers);
    for (const name of ["content-encoding", "content-length"]) headers.delete(name);
    this.headers = headers;
    this.#source = source;
    this.#encoding = encoding;
    if (!decoderFor(encoding)) {
      source.cancel();
      const name = encoding.slice(0, longestName).replace(/[^\x20-\x7e]/g, "?");
      this.fail(new HttpFailure("malformed", `its content-encoding "${name}" is not known`));
      return;
    }
    source.pipe({
      data: (bytes) => this.#take(bytes),
      end: () => this.#sourceEnded(),
      error: (error) => this.#sourceEnded(error),
    });
  }

  pause(): void {
    if (this.over) return;
    this.#isPaused = true;
    this.#decoder?.pause();
    this.#source.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#decoder?.resume();
    this.#source.resume();
  }

  protected giveUp(failure: HttpFailure): void {
    this.fail(failure);
  }

  protected onOver(failure: Error | undefined): void {
    if (!failure) return;
    this.#decoder?.destroy();
    this.#source.cancel();
  }

  #take(bytes: Buffer): void {
    if (this.over) return;
    this.#received += bytes.length;
    if (this.#isPlain) return this.push(bytes);
    const decoder = this.#decoder ?? this.#begin(bytes);
    if (!decoder) return this.push(bytes);
    // Its queue is bounded: the source waits for it as for a reader.
    if (!decoder.write(bytes)) {
      this.#source.pause();
      decoder.once("drain", () => {
        if (!this.#isPaused) this.#source.resume();
      });
    }
  }

  /** Returns the decoder, by the first byte; undefined for a body that is not compressed, whatever its headers say. */
  #begin(bytes: Buffer): Decoder | undefined {
    const decoder = decoderFor(this.#encoding, bytes[0])?.();
    if (!decoder) {
      this.#isPlain = true;
      return undefined;
    }
    decoder.on("data", (piece: Buffer) => this.#give(piece));
    decoder.on("end", () => this.#decoded());
    decoder.on("error", () => this.#decoded(true));
    if (this.#isPaused) decoder.pause();
    this.#decoder = decoder;
    return decoder;
  }

  #give(piece: Buffer): void {
    if (this.over) return;
    this.#inflated += piece.length;
    if (this.#inflated > freeBytes && this.#inflated > maxRatio * this.#received) {
      const words = `it becomes more than ${maxRatio} times as large when it is decompressed`;
      this.fail(new HttpFailure("too-large", words));
    } else this.push(piece);
  }

  #sourceEnded(cut?: Error): void {
    this.#cut = cut;
    if (this.#decoder) this.#decoder.end();
    else this.#decoded();
  }

  /** The decoder has given all that it could read. */
  #decoded(isBroken = false): void {
    if (this.over) return;
    if (this.#cut) this.fail(this.#cut);
    else if (isBroken)
      this.fail(new HttpFailure("malformed", `it is not in its content-encoding, ${this.#encoding}`));
    else this.end();
  }
}
