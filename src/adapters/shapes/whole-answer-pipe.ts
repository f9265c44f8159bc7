import { AppError } from "../../errors.ts";
import { isObject } from "../../wire/json.ts";
import type { LongTexts } from "../../wire/long-texts.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { Pieces } from "../../wire/pieces.ts";
import { refuseManyParts } from "../many-parts.ts";
import type { ResponsesAnswer, StreamFault, StreamPipe } from "../types.ts";
import { WrappingPipe } from "../wrapping-pipe.ts";
import { inDialect } from "./foreign-answer.ts";
import { areJsonLines, JsonLines } from "./json-lines.ts";
import { cutAnswer, isLargeAnswer, maxParsedBytes, parseAnswerInTurns } from "./parse-answer.ts";
import type { AnswerShapes } from "./types.ts";

/** Bytes of the stream that are written in one turn of the event loop. */
const turnBytes = 64 * 1024;
/** The most bytes of a stream with long texts: some dialects say each text several times. */
const maxStreamBytes = 32 * 1024 * 1024;
const lineFeed = 10;

/**
 * Collects an answer that the provider sent whole although a stream was asked for, and passes it on as the stream that
 * says the same. `convert` must return before `end` is called. A stream of JSON lines is passed on as it comes.
 */
export class WholeAnswerPipe extends WrappingPipe {
  readonly #shapes: AnswerShapes;
  readonly #bytes = new Pieces();
  /** Undefined until the first line has come, null for an answer that is whole. */
  #lines: JsonLines | null | undefined;
  #fault: StreamFault | undefined;
  #long: LongTexts | undefined;
  #isEnded = false;
  readonly #converted: Uint8Array[] = [];
  /** Bytes of the stream with long texts. */
  #length = 0;

  /** @param inner takes the stream in the provider's dialect */
  constructor(inner: StreamPipe, shapes: AnswerShapes) {
    super(inner);
    this.#shapes = shapes;
  }

  override get fault(): StreamFault | undefined {
    return this.#fault ?? this.inner.fault;
  }

  /** Throws AppError `provider_error` if the answer is too large. */
  push(chunk: Uint8Array): Uint8Array | string | null {
    if (this.#lines) return this.#pass(this.#lines.push(chunk));
    if (this.#bytes.length + chunk.length > maxParsedBytes)
      throw new AppError("provider_error", `the provider's response exceeds ${maxParsedBytes} bytes`);
    this.#bytes.add(chunk);
    // Most answers have no line end.
    return chunk.includes(lineFeed) ? this.#passLines(false) : null;
  }

  /** Passes JSON lines on, if the answer consists of them. */
  #passLines(isEnd: boolean): Uint8Array | string | null {
    if (this.#lines === null) return null;
    const bytes = this.#bytes.take();
    const are = areJsonLines(bytes, isEnd);
    if (are !== undefined) this.#lines = are ? new JsonLines() : null;
    if (this.#lines) return this.#pass(this.#lines.push(bytes));
    this.#bytes.add(bytes);
    return null;
  }

  #pass(frames: string): Uint8Array | string | null {
    return frames === "" ? null : this.inner.push(Buffer.from(frames));
  }

  /**
   * Converts the whole answer, a large one in several turns of the event loop. Throws AppError `provider_error` if it is
   * not JSON.
   */
  async convert(): Promise<void> {
    // From here on the bytes are one piece, which need not be joined again.
    if (!this.#lines) this.#bytes.add(await this.#bytes.takeInTurns());
    if (!this.#lines) this.#keep(this.#passLines(true));
    if (this.#lines) return;
    const bytes = this.#bytes.take();
    const isLarge = isLargeAnswer(bytes);
    const { text, long } = isLarge
      ? await cutAnswer(bytes, true)
      : { text: bytes.toString(), long: undefined };
    this.#long = long;
    const body = inDialect(await parseAnswerInTurns(text, true), this.#shapes.dialect);
    this.#fault = this.#shapes.faultIn(body);
    if (this.#fault || !isObject(body)) return;
    refuseManyParts(body);
    if (text.length > turnBytes) await nextTurn();
    const stream = Buffer.from(this.#shapes.toStream(body));
    for (let at = 0; at < stream.length; at += turnBytes) {
      if (at > 0) await nextTurn();
      await this.#keepWhole(this.inner.push(stream.subarray(at, at + turnBytes)));
    }
    await this.#keepWhole(this.inner.end());
    this.#isEnded = true;
  }

  end(): Uint8Array | null {
    if (this.#lines) this.#keep(this.#pass(this.#lines.end()));
    if (!this.#fault && !this.#isEnded) this.#keep(this.inner.end());
    return this.#converted.length === 0 ? null : Buffer.concat(this.#converted);
  }

  override get held(): number {
    return Math.max(this.#bytes.length, this.#length) + super.held;
  }

  override get answer(): ResponsesAnswer | undefined {
    const { answer } = this.inner;
    return answer && this.#long ? this.#long.restored(answer) : answer;
  }

  /** Keeps a part of the stream, with the long texts that were cut out. */
  async #keepWhole(out: Uint8Array | string | null): Promise<void> {
    if (out === null || !this.#long) return this.#keep(out);
    const frames = typeof out === "string" ? out : Buffer.from(out).toString();
    for (const part of await this.#long.parts(frames)) {
      this.#length += part.length;
      if (this.#length > maxStreamBytes)
        throw new AppError(
          "provider_error",
          `the provider's response exceeds ${maxStreamBytes} bytes as a stream`,
        );
      this.#converted.push(part);
    }
  }

  #keep(out: Uint8Array | string | null): void {
    if (out !== null) this.#converted.push(Buffer.from(out as Uint8Array));
  }
}
