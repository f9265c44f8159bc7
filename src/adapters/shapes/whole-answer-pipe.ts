import { AppError } from "../../errors.ts";
import { ByteBuffer } from "../../wire/byte-buffer.ts";
import type { StreamPosition } from "../../wire/dialects/types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { isObject } from "../../wire/json.ts";
import type { ResponsesAnswer, StreamFault, StreamPipe } from "../types.ts";
import { parseAnswer } from "./parse-answer.ts";
import type { AnswerShapes } from "./types.ts";

/** The most bytes of such an answer. It is parsed and written in one turn of the event loop. */
const maxBytes = 16 * 1024 * 1024;

/**
 * Collects an answer that the provider sent whole although a stream was asked for, and passes it on as the stream that
 * says the same.
 */
export class WholeAnswerPipe implements StreamPipe {
  readonly #pipe: StreamPipe;
  readonly #shapes: AnswerShapes;
  readonly #bytes = new ByteBuffer();
  #fault: StreamFault | undefined;

  /** @param pipe takes the stream in the provider's dialect */
  constructor(pipe: StreamPipe, shapes: AnswerShapes) {
    this.#pipe = pipe;
    this.#shapes = shapes;
  }

  get finished(): boolean {
    return this.#pipe.finished;
  }

  get done(): boolean {
    return this.#pipe.done;
  }

  get usage(): Usage {
    return this.#pipe.usage;
  }

  get fault(): StreamFault | undefined {
    return this.#fault ?? this.#pipe.fault;
  }

  get answer(): ResponsesAnswer | undefined {
    return this.#pipe.answer;
  }

  get position(): StreamPosition | undefined {
    return this.#pipe.position;
  }

  /** Throws AppError `provider_error` if the answer is too large. */
  push(chunk: Uint8Array): null {
    if (this.#bytes.length + chunk.length > maxBytes)
      throw new AppError("provider_error", `the provider's response exceeds ${maxBytes} bytes`);
    this.#bytes.append(chunk);
    return null;
  }

  /** Throws AppError `provider_error` if the answer is not JSON. */
  end(): Uint8Array | string | null {
    const body = parseAnswer(Buffer.from(this.#bytes.take()).toString(), true);
    this.#fault = this.#shapes.faultIn(body);
    if (this.#fault || !isObject(body)) return null;
    const pushed = this.#pipe.push(Buffer.from(this.#shapes.toStream(body)));
    const rest = this.#pipe.end();
    if (pushed === null || rest === null) return pushed ?? rest;
    return Buffer.concat([Buffer.from(pushed as Uint8Array), Buffer.from(rest as Uint8Array)]);
  }
}
