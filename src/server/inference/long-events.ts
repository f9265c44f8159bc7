import { shapeOf } from "../../adapters/shapes/index.ts";
import type { ResponsesAnswer, StreamPipe } from "../../adapters/types.ts";
import { WrappingPipe } from "../../adapters/wrapping-pipe.ts";
import { AppError } from "../../errors.ts";
import type { BodySink } from "../../net/http1/message-body.ts";
import { cutLongTexts } from "../../wire/cut-long-texts.ts";
import { LongTexts } from "../../wire/long-texts.ts";
import { nextTurn } from "../../wire/next-turn.ts";
import { Pieces } from "../../wire/pieces.ts";
import { lastFrameEnd } from "../../wire/sse.ts";
import type { GrowingMemory } from "../core/growing-memory.ts";
import type { StreamedResponse } from "./stream-options.ts";

/** Long texts are cut out of an event of more bytes. */
const longEventBytes = 256 * 1024;
/** The most bytes of an event, as in a stream that is not translated. */
const largestEventBytes = 8 * 1024 * 1024;
/** The most bytes of an event besides its long texts. */
const maxRestBytes = 1024 * 1024;
/** The most UTF-16 units of the long texts of one answer. */
const maxLongCharacters = 32 * 1024 * 1024;
/** The bytes from which the shape of an answer is known. */
const shapeBytes = 8;
/** The most bytes of a blank line, but for its last one. */
const blankLineBytes = 3;

/** Options of `withLongEvents`. */
export interface LongEventOptions {
  /** True if the response is called an event stream. */
  isLabelled: boolean;
  /** The memory of an event that is not whole, and of long texts. */
  memory: Pick<GrowingMemory, "need">;
  /** Counts the bytes of long texts, which the reader of the stream does not get. */
  received: { add(bytes: Uint8Array): void };
}

/**
 * Cuts long texts out of the events of a stream that is translated, and puts them into what the caller gets. To decode,
 * parse, translate and write one event of 7 MB would take a turn of the event loop of its own (T258).
 */
export function withLongEvents(
  response: StreamedResponse,
  pipe: StreamPipe,
  options: LongEventOptions,
): { response: StreamedResponse; pipe: StreamPipe } {
  const long = new LongTexts();
  return { response: new LongEvents(response, long, options), pipe: new RestoringPipe(pipe, long) };
}

class RestoringPipe extends WrappingPipe {
  readonly #long: LongTexts;

  constructor(inner: StreamPipe, long: LongTexts) {
    super(inner);
    this.#long = long;
  }

  override get answer(): ResponsesAnswer | undefined {
    const { answer } = this.inner;
    return answer && this.#long.characters > 0 ? this.#long.restored(answer) : answer;
  }

  push(chunk: Uint8Array): Uint8Array | string | null {
    return this.#restored(this.inner.push(chunk));
  }

  end(): Uint8Array | string | null {
    return this.#restored(this.inner.end());
  }

  #restored(out: Uint8Array | string | null): Uint8Array | string | null {
    if (out === null || this.#long.characters === 0) return out;
    return this.#long.bytes(typeof out === "string" ? out : Buffer.from(out).toString());
  }
}

/** Passes the events of a response on. An event that is not whole waits here; a reader could do nothing with it. */
class LongEvents implements StreamedResponse, BodySink {
  readonly #response: StreamedResponse;
  readonly #long: LongTexts;
  readonly #options: LongEventOptions;
  #sink!: BodySink;
  /** Undefined until the first bytes have come. */
  #isEvents: boolean | undefined;
  readonly #held = new Pieces();
  /** The last bytes held: they may begin the blank line of the event. */
  #heldEnd: Buffer = Buffer.alloc(0);
  /** Texts are being cut out of an event. What comes meanwhile waits. */
  #isCutting = false;
  #isPaused = false;
  #waiting: Buffer[] = [];
  #onCut: (() => void) | undefined;

  constructor(response: StreamedResponse, long: LongTexts, options: LongEventOptions) {
    this.#response = response;
    this.#long = long;
    this.#options = options;
  }

  get over(): boolean {
    return this.#response.over;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.#response.pipe(this);
  }

  pause(): void {
    this.#isPaused = true;
    this.#response.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isCutting) this.#response.resume();
  }

  cancel(): void {
    this.#response.cancel();
  }

  data(bytes: Buffer): void {
    if (this.#isCutting) this.#waiting.push(bytes);
    else this.#take(bytes);
  }

  end(): void {
    if (this.#isCutting) {
      this.#onCut = () => this.end();
      return;
    }
    const rest = this.#takeHeld();
    if (rest.length <= longEventBytes) {
      if (rest.length > 0) this.#sink.data(rest);
      return this.#sink.end();
    }
    this.#onCut = () => this.#sink.end();
    void this.#cut(rest);
  }

  error(error: Error): void {
    if (this.#isCutting) {
      this.#onCut = () => this.error(error);
      return;
    }
    const rest = this.#takeHeld();
    // The reader decides if an answer that is cut off is whole.
    if (rest.length > 0 && rest.length <= longEventBytes) this.#sink.data(rest);
    this.#sink.error(error);
  }

  #take(bytes: Buffer): void {
    if (this.#isEvents === false) return this.#sink.data(bytes);
    if (this.#isEvents === undefined) return this.#begin(bytes);
    const known = this.#heldEnd.length;
    const seam = known === 0 ? bytes : Buffer.concat([this.#heldEnd, bytes]);
    const end = Math.max(0, lastFrameEnd(seam, Math.max(0, known - 1)) - known);
    if (end === 0) return this.#hold(bytes);
    let whole = bytes.subarray(0, end);
    if (this.#held.length > 0) {
      this.#held.add(whole);
      whole = this.#takeHeld();
    }
    const rest = bytes.subarray(end);
    if (whole.length > longEventBytes) {
      if (rest.length > 0) this.#waiting.unshift(rest);
      return void this.#cut(whole);
    }
    this.#sink.data(whole);
    if (rest.length > 0) this.#hold(rest);
  }

  #begin(bytes: Buffer): void {
    this.#held.add(bytes);
    if (this.#held.length < shapeBytes) return;
    const beginning = this.#held.take();
    const shape = shapeOf(beginning);
    this.#isEvents = shape === "stream" || (shape === "other" && this.#options.isLabelled);
    this.#take(beginning);
  }

  #hold(piece: Buffer): void {
    // A copy: a few bytes must not keep all of the chunk in memory.
    this.#held.add(Buffer.from(piece));
    const end = piece.length >= blankLineBytes ? piece : Buffer.concat([this.#heldEnd, piece]);
    this.#heldEnd = Buffer.from(end.subarray(-blankLineBytes));
    // Its reader would refuse it at the end of a long turn, or never where no line of it is data (T378).
    if (this.#held.length > largestEventBytes) {
      this.#takeHeld();
      return this.#fail(
        new AppError("provider_error", `an event of the stream exceeds ${largestEventBytes} bytes`),
      );
    }
    if (this.#held.length > longEventBytes) this.#need();
  }

  #takeHeld(): Buffer {
    this.#heldEnd = Buffer.alloc(0);
    return this.#held.take();
  }

  /** Holds memory for what waits here. */
  #need(): void {
    try {
      this.#options.memory.need(this.#held.length + this.#long.characters);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Passes whole events on without their long texts, and then what has come meanwhile. */
  async #cut(events: Buffer): Promise<void> {
    this.#isCutting = true;
    this.#response.pause();
    let rest: Buffer;
    try {
      rest = await this.#withoutLongTexts(events);
    } catch (error) {
      return this.#fail(error as Error);
    }
    if (rest !== events) this.#options.received.add(events);
    this.#isCutting = false;
    this.#need();
    this.#sink.data(rest);
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      this.#take(next);
      if (this.#isCutting) return;
    }
    if (this.#onCut) this.#onCut();
    else if (!this.#isPaused) this.#response.resume();
  }

  async #withoutLongTexts(events: Buffer): Promise<Buffer> {
    const cut = await cutLongTexts(events, undefined, this.#long);
    await nextTurn();
    const rest = cut?.rest ?? events;
    if (rest.length > maxRestBytes)
      throw tooLarge(`an event has more than ${maxRestBytes} bytes besides long texts, images and files`);
    if (this.#long.characters > maxLongCharacters)
      throw tooLarge(`the long texts of the answer exceed ${maxLongCharacters} characters`);
    return rest;
  }

  #fail(error: Error): void {
    this.#sink.error(error);
    this.#response.cancel();
  }
}

function tooLarge(message: string): AppError {
  return new AppError("provider_error", `the provider sent too much: ${message}`);
}
