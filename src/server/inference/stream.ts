import { shapeOf } from "../../adapters/shapes/index.ts";
import { WholeAnswerPipe } from "../../adapters/shapes/whole-answer-pipe.ts";
import type { StreamPipe } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { BodySink } from "../../net/http1/message-body.ts";
import { areComments, endsFrame } from "../../wire/frame-ends.ts";
import { largeText } from "../../wire/next-turn.ts";
import { eventStreamHeaders } from "../../wire/sse.ts";
import type { Principal } from "../core/access/policy.ts";
import type { Deadline } from "../core/deadlines.ts";
import { type BodyTaker, type LiveBody, WaitingBytes, waitingBytes } from "../core/live-response.ts";
import type { OpenStream } from "../core/open-streams.ts";
import { providerFailure, transportFailure } from "./failure.ts";
import type { StreamOptions } from "./stream-options.ts";

/** The interval of comments on a quiet stream, which keep proxies from closing it. Milliseconds. */
const heartbeat = 15_000;

/** The time limit for the end of the provider's response after its last frame. Milliseconds. */
const endTimeout = 1000;

/** The options of every streamed response. */
export const streamHeaders = { headers: eventStreamHeaders };

const encoder = new TextEncoder();
const comment = encoder.encode(":\n\n");
const nothing = new Uint8Array(0);

/** The bytes from which the shape of an answer is known. */
const shapeBytes = 8;

/**
 * Opens the body of a streamed response: the provider's bytes as they come, through the pipe. The body opens with its
 * first bytes. An error before that is an error of the call: it gets its HTTP status, or another llm is tried. If the
 * provider stays quiet, the body opens with the first heartbeat comment.
 *
 * An open body ends in one of three ways: complete, with the audit event committed before the last frame is sent; with
 * one error frame; or because the caller leaves, which closes the connection to the provider at once.
 *
 * @returns the body if its first bytes are here already; otherwise a promise, which throws AppError if the stream
 *   fails before its first bytes. The record is not closed then
 */
export function openStream(options: StreamOptions): LiveBody | Promise<LiveBody> {
  const source = new StreamSource(options);
  return source.isOpen ? source : source.opened().then(() => source);
}

class StreamSource implements LiveBody, BodySink, OpenStream {
  readonly principal: Principal;
  readonly #options: StreamOptions;
  #pipe: StreamPipe;
  /** The pipe of an answer that is not sent as a stream. */
  #whole: WholeAnswerPipe | undefined;
  #taker: BodyTaker = new WaitingBytes();
  /** The first bytes, until there are enough of them to know the shape of the answer. */
  #beginning: Uint8Array | undefined = nothing;
  /** The body is open: from now on a failure is an error frame. */
  isOpen = false;
  #failure: AppError | undefined;
  #opening: PromiseWithResolvers<void> | undefined;
  /** Nothing more is read from the provider. */
  #isDone = false;
  /** The caller reads nothing more. */
  #isAbandoned = false;
  #betweenFrames = true;
  /** Large last bytes that the caller has not read yet. */
  #tail: Uint8Array | undefined;
  #heartbeat: Deadline | undefined;
  #readTimeout: Deadline | undefined;
  #endTimeout: Deadline | undefined;
  #onResponseId: StreamOptions["onResponseId"];

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#pipe = options.pipe;
    this.#onResponseId = options.onResponseId;
    if (!options.shapes) this.#beginning = undefined;
    this.principal = options.principal;
    this.#heartbeat = options.deadlines.after(heartbeat, this);
    options.guard.streams.watch(this);
    options.response.pipe(this);
  }

  /** Returns when the body is open. Throws AppError if it fails before. */
  opened(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#opening = Promise.withResolvers();
    return this.#opening.promise;
  }

  open(taker: BodyTaker): void {
    const waiting = this.#taker;
    this.#taker = taker;
    if (waiting instanceof WaitingBytes) waiting.moveTo(taker);
  }

  /** The caller has read: the provider continues. */
  pull(): void {
    this.#readTimeout?.cancel();
    this.#readTimeout = undefined;
    if (this.#tail) return this.#sendTail(this.#tail);
    this.#options.response.resume();
  }

  /** The caller has closed the connection. */
  cancel(): void {
    void this.#abandon("the caller went away");
  }

  data(bytes: Uint8Array): void {
    if (this.#isDone) return;
    this.#options.record.received.add(bytes);
    if (!this.#beginning) return this.#push(bytes);
    const beginning = this.#beginning.length === 0 ? bytes : Buffer.concat([this.#beginning, bytes]);
    this.#beginning = beginning;
    if (beginning.length >= shapeBytes) this.#begin(beginning);
  }

  /** Begins to convert the answer, by the shape of its first bytes. */
  #begin(bytes: Uint8Array): void {
    this.#beginning = undefined;
    const { isLabelled, shapes } = this.#options;
    const shape = shapeOf(bytes);
    if (shapes && (shape === "json" || (shape === "other" && !isLabelled)))
      this.#pipe = this.#whole = new WholeAnswerPipe(this.#pipe, shapes);
    this.#push(bytes);
  }

  #push(bytes: Uint8Array): void {
    const pipe = this.#pipe;
    try {
      const out = pipe.push(bytes);
      if (pipe.held !== undefined && pipe.held > largeText) this.#options.memory.need(pipe.held);
      if (this.#onResponseId && pipe.position) {
        this.#onResponseId(pipe.position.responseId);
        this.#onResponseId = undefined;
      }
      if (pipe.done) return void this.#complete(out);
      this.#send(out);
      if (pipe.fault) this.#providerFault(pipe.fault);
    } catch (error) {
      void this.#fail(transportFailure(error));
    }
  }

  end(): void {
    this.#endTimeout?.cancel();
    if (!this.#isDone && this.#beginning) this.#begin(this.#beginning);
    if (this.#isDone) return;
    if (!this.#whole) return this.#finish();
    this.#whole
      .convert()
      .then(() => {
        this.#options.memory.need(this.#pipe.held ?? 0);
        this.#finish();
      })
      .catch((error: unknown) => this.#fail(transportFailure(error)));
  }

  /** The provider's response has ended, and its bytes are in the pipe. */
  #finish(): void {
    if (this.#isDone) return;
    const pipe = this.#pipe;
    let rest: Uint8Array | string | null;
    try {
      rest = pipe.end();
    } catch (error) {
      return void this.#fail(transportFailure(error));
    }
    if (pipe.finished && !pipe.fault) return void this.#complete(rest);
    this.#send(rest);
    if (pipe.fault) this.#providerFault(pipe.fault);
    else
      void this.#fail(
        new AppError("provider_error", "the provider closed the stream before its response was complete"),
      );
  }

  error(cause: Error): void {
    if (this.#isDone) return;
    const failure = transportFailure(cause);
    // The signal of the request closes the response, sometimes before the stream is cancelled.
    if (failure.code === "client_closed_request") void this.#abandon(failure.message);
    // The provider only left out the end of the stream.
    else if (this.#pipe.finished) this.end();
    else void this.#fail(failure);
  }

  #send(out: Uint8Array | string | null): void {
    if (!this.#enqueue(out)) return;
    this.#heartbeat?.extend(heartbeat);
    if ((this.#taker.desiredSize ?? 0) > 0) return;
    this.#options.response.pause();
    this.#readTimeout ??= this.#options.deadlines.after(this.#options.readTimeout, () => {
      if (this.#isDone) return;
      // Bun would print a reason.
      this.#taker.error();
      void this.#abandon("the caller stopped reading");
    });
  }

  /** Returns true if there was something to send. */
  #enqueue(out: Uint8Array | string | null): boolean {
    if (out === null || out.length === 0) return false;
    const bytes = typeof out === "string" ? encoder.encode(out) : out;
    if (!this.isOpen) {
      // Comments do not open the body: an error of the call can still follow.
      if (this.#options.wire && areComments(bytes)) return false;
      this.#open();
    }
    this.#betweenFrames = endsFrame(bytes);
    this.#options.record.firstByte();
    this.#taker.enqueue(bytes);
    return true;
  }

  /** The bearer is no longer valid, or the server stops. */
  revoke(): void {
    void this.#fail(this.#options.guard.reason(this.principal));
  }

  #open(): void {
    this.isOpen = true;
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  /** Fails before the body is open. */
  #refuse(error: AppError): void {
    this.#failure = error;
    this.#opening?.reject(error);
  }

  /** Nothing was sent for a while: the time for a comment. */
  expire(): void {
    if (this.#isDone) return;
    if (!this.isOpen) this.#open();
    const hasRoom = (this.#taker.desiredSize ?? 0) > 0;
    if (this.#options.wire && this.#betweenFrames && hasRoom) this.#taker.enqueue(comment);
    this.#heartbeat = this.#options.deadlines.after(heartbeat, this);
  }

  #providerFault(fault: NonNullable<StreamPipe["fault"]>): void {
    const { family, key } = this.#options;
    void this.#fail(providerFailure(fault.status ?? 502, fault, family, key));
  }

  async #complete(last: Uint8Array | string | null): Promise<void> {
    this.#isDone = true;
    if (!this.isOpen) this.#open();
    const { record } = this.#options;
    const pipe = this.#pipe;
    try {
      this.#release();
      this.#readToEnd();
      await record.close(200, pipe.usage);
    } catch (error) {
      return this.#sendError(transportFailure(error));
    }
    this.#options.onComplete(pipe);
    if (this.#isAbandoned) return;
    this.#options.onLastBytes();
    const bytes = typeof last === "string" ? encoder.encode(last) : last;
    if (bytes && bytes.length > largeText) return this.#sendTail(bytes);
    if (bytes && bytes.length > 0 && this.#taker.closeWith) {
      record.firstByte();
      this.#taker.closeWith(bytes);
      return this.#options.memory.release();
    }
    this.#enqueue(bytes);
    this.#close();
  }

  /** Sends large last bytes as the caller reads them. They hold memory until then. */
  #sendTail(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0 && (this.#taker.desiredSize ?? 0) > 0) {
      this.#enqueue(rest.subarray(0, waitingBytes));
      rest = rest.subarray(waitingBytes);
    }
    this.#tail = rest;
    if (rest.length === 0) return this.#close();
    this.#readTimeout = this.#options.deadlines.after(this.#options.readTimeout, () => {
      this.#taker.error();
      this.#options.memory.release();
    });
  }

  #close(): void {
    this.#tail = undefined;
    this.#taker.close();
    this.#options.memory.release();
  }

  async #fail(error: AppError): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#release();
    this.#options.memory.release();
    this.#options.response.cancel();
    if (!this.isOpen) return this.#refuse(error);
    // The caller gets the error even if the log cannot be written.
    await this.#options.record.close(error.status, this.#pipe.usage, error).catch(() => {});
    this.#sendError(error);
  }

  #sendError(cause: AppError): void {
    if (this.#isAbandoned) return;
    this.#options.onLastBytes();
    const { wire } = this.#options;
    // Bun would print a reason.
    if (!wire) return this.#taker.error();
    const error = this.#options.visibleError(cause);
    // Ends a frame that was cut in the middle. Otherwise the error would be read as a part of it.
    if (!this.#betweenFrames) this.#taker.enqueue(encoder.encode("\n\n"));
    const frames = wire.errorFrames(error, this.#options.requestId, this.#pipe.position);
    this.#taker.enqueue(encoder.encode(frames));
    this.#taker.close();
  }

  async #abandon(reason: string): Promise<void> {
    this.#isAbandoned = true;
    this.#readTimeout?.cancel();
    this.#options.memory.release();
    if (this.#isDone) return;
    this.#isDone = true;
    this.#release();
    this.#options.response.cancel();
    const error = new AppError("client_closed_request", reason);
    if (!this.isOpen) return this.#refuse(error);
    await this.#options.record.close(error.status, this.#pipe.usage, error).catch(() => {});
  }

  #release(): void {
    this.#heartbeat?.cancel();
    this.#readTimeout?.cancel();
    this.#options.guard.streams.unwatch(this);
    this.#options.place.leave();
  }

  /** Reads the rest of the response, so that the connection can be used for the next call. */
  #readToEnd(): void {
    const { response, deadlines } = this.#options;
    if (response.over) return;
    response.resume();
    this.#endTimeout = deadlines.after(endTimeout, () => response.cancel());
  }
}
