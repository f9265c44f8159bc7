import type { StreamPipe } from "../../adapters/types.ts";
import { AppError } from "../../errors.ts";
import type { BodySink } from "../../net/http1/response-body.ts";
import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { DialectWire } from "../../wire/dialects/types.ts";
import { eventStreamHeaders } from "../../wire/sse.ts";
import type { Deadline, Deadlines } from "../core/deadlines.ts";
import { providerFailure, transportFailure } from "./failure.ts";
import type { CallRecord } from "./record.ts";

/** A quiet stream is kept open by a comment this often, in milliseconds: proxies on the way give up sooner or later. */
const heartbeat = 15_000;

/** How much may wait for a caller who reads slowly before the provider is held back. */
const bufferBytes = 256 * 1024;

/** How long the end of an answer's framing is waited for, in milliseconds, behind its last frame. */
const closing = 1000;

/** The options of every streamed response. */
export const streamHeaders = { headers: eventStreamHeaders };

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const comment = encoder.encode(":\n\n");

/** What a stream needs to know of its call. */
export interface StreamOf {
  /** The provider's answer, of which only the head has been read. */
  exchange: ProviderResponse;
  pipe: StreamPipe;
  wire: DialectWire;
  record: CallRecord;
  requestId: string;
  /** Taken out of whatever the provider reports. */
  key: string | undefined;
  deadlines: Deadlines;
  /** How long a caller may read nothing, in milliseconds. */
  patience: number;
  /** Watches the bearer and calls back when it is no longer good. Returns how to stop. */
  guard(end: (error: AppError) => void): () => void;
  /** Is told when nothing more is read from the provider. */
  leave(): void;
  /** An error as the caller may be told it. */
  told(error: AppError): AppError;
}

/**
 * The body of a streamed answer: the provider's bytes as they come, through the pipe. It is there when its first
 * bytes are, so that until then an error is an error of the call, which can be told with its status or tried
 * elsewhere; at the latest with the first comment, before somebody on the way gives up.
 *
 * From then on it ends in one of three ways: whole, its audit event committed before the last frame goes out; with
 * one error frame; or by the caller's leaving, which closes the connection to the provider at once.
 *
 * @returns the body itself where its first bytes are here already; else a promise, which throws AppError when the
 *   stream fails before. The record is not closed then
 */
export function openStream(of: StreamOf): ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>> {
  const answer = new StreamedAnswer(of);
  const body = new ReadableStream(answer, new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }));
  return answer.isOpen ? body : answer.opened().then(() => body);
}

class StreamedAnswer implements UnderlyingDefaultSource<Uint8Array>, BodySink {
  readonly #of: StreamOf;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** There is a body; before, a failure is the call's. */
  isOpen = false;
  #failure: AppError | undefined;
  #opening: PromiseWithResolvers<void> | undefined;
  /** Nothing more is read from the provider. */
  #over = false;
  /** Nobody reads any more. */
  #gone = false;
  #betweenFrames = true;
  #beat: Deadline | undefined;
  #patience: Deadline | undefined;
  #closing: Deadline | undefined;
  #unguard = () => {};

  constructor(of: StreamOf) {
    this.#of = of;
  }

  /** Returns when it is open. Throws AppError when it never will be. */
  opened(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#opening = Promise.withResolvers();
    return this.#opening.promise;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#beat = this.#of.deadlines.after(heartbeat, () => this.#quiet());
    this.#unguard = this.#of.guard((error) => void this.#fail(error));
    this.#of.exchange.pipe(this);
  }

  /** The caller has read: the provider may go on. */
  pull(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#of.exchange.resume();
  }

  /** The caller has gone. */
  cancel(): void {
    void this.#abandon("the caller went away");
  }

  data(bytes: Uint8Array): void {
    if (this.#over) return;
    const { pipe } = this.#of;
    try {
      const out = pipe.push(bytes);
      if (pipe.done) return void this.#complete(out);
      this.#send(out);
      if (pipe.fault) this.#providerFault(pipe.fault);
    } catch (error) {
      void this.#fail(transportFailure(error));
    }
  }

  end(): void {
    this.#closing?.cancel();
    if (this.#over) return;
    const { pipe } = this.#of;
    const rest = pipe.end();
    if (pipe.finished && !pipe.fault) return void this.#complete(rest);
    this.#send(rest);
    if (pipe.fault) this.#providerFault(pipe.fault);
    else
      void this.#fail(
        new AppError("provider_error", "the provider closed the stream before its answer was whole"),
      );
  }

  error(cause: Error): void {
    if (this.#over) return;
    const failure = transportFailure(cause);
    // The request's signal closes the exchange, and sometimes tells before the stream does.
    if (failure.code === "client_closed_request") void this.#abandon(failure.message);
    // Only the end was left out.
    else if (this.#of.pipe.finished) this.end();
    else void this.#fail(failure);
  }

  #send(out: Uint8Array | string | null): void {
    if (!this.#enqueue(out)) return;
    this.#beat?.extend(heartbeat);
    if ((this.#controller.desiredSize ?? 0) > 0) return;
    this.#of.exchange.pause();
    this.#patience ??= this.#of.deadlines.after(this.#of.patience, () => {
      if (this.#over) return;
      // Without a reason, which Bun would print.
      this.#controller.error();
      void this.#abandon("the caller stopped reading");
    });
  }

  /** Returns whether there was anything to send. */
  #enqueue(out: Uint8Array | string | null): boolean {
    if (out === null || out.length === 0) return false;
    const bytes = typeof out === "string" ? encoder.encode(out) : out;
    if (!this.isOpen) {
      // Nothing for a caller yet, and an error may follow.
      if (isComments(bytes)) return false;
      this.#begin();
    }
    this.#betweenFrames = endsFrame(bytes);
    this.#of.record.firstByte();
    this.#controller.enqueue(bytes);
    return true;
  }

  #begin(): void {
    this.isOpen = true;
    this.#opening?.resolve();
  }

  /** Fails before it is open. */
  #refuse(error: AppError): void {
    this.#failure = error;
    this.#opening?.reject(error);
  }

  #quiet(): void {
    if (this.#over) return;
    if (!this.isOpen) this.#begin();
    if (this.#betweenFrames && (this.#controller.desiredSize ?? 0) > 0) this.#controller.enqueue(comment);
    this.#beat = this.#of.deadlines.after(heartbeat, () => this.#quiet());
  }

  #providerFault(fault: NonNullable<StreamPipe["fault"]>): void {
    void this.#fail(providerFailure(fault.status ?? 502, fault, this.#of.key));
  }

  async #complete(last: Uint8Array | string | null): Promise<void> {
    this.#over = true;
    if (!this.isOpen) this.#begin();
    const { record, pipe } = this.#of;
    try {
      this.#release();
      this.#letEnd();
      await record.close(200, pipe.usage);
    } catch (error) {
      return this.#lastWord(transportFailure(error));
    }
    if (this.#gone) return;
    this.#enqueue(last);
    this.#controller.close();
  }

  async #fail(error: AppError): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#release();
    this.#of.exchange.cancel();
    if (!this.isOpen) return this.#refuse(error);
    // The caller hears of the failure even when the log cannot.
    await this.#of.record.close(error.status, this.#of.pipe.usage, error).catch(() => {});
    this.#lastWord(error);
  }

  #lastWord(cause: AppError): void {
    if (this.#gone) return;
    const error = this.#of.told(cause);
    // A frame cut in the middle is ended first, or the error would be taken for a part of it.
    if (!this.#betweenFrames) this.#controller.enqueue(encoder.encode("\n\n"));
    this.#controller.enqueue(
      encoder.encode(
        this.#of.wire.errorFrames(error, this.#of.requestId, error.providerType, this.#of.pipe.position),
      ),
    );
    this.#controller.close();
  }

  async #abandon(reason: string): Promise<void> {
    this.#gone = true;
    if (this.#over) return;
    this.#over = true;
    this.#release();
    this.#of.exchange.cancel();
    const error = new AppError("client_closed_request", reason);
    if (!this.isOpen) return this.#refuse(error);
    await this.#of.record.close(error.status, this.#of.pipe.usage, error).catch(() => {});
  }

  #release(): void {
    this.#beat?.cancel();
    this.#patience?.cancel();
    this.#unguard();
    this.#of.leave();
  }

  /** A connection whose answer is read to its end serves the next call. */
  #letEnd(): void {
    const { exchange, deadlines } = this.#of;
    if (exchange.over) return;
    exchange.resume();
    this.#closing = deadlines.after(closing, () => exchange.cancel());
  }
}

/** Whether bytes end with an empty line, so that a comment may follow. */
function endsFrame(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (bytes[length - 1] !== 10) return false;
  return bytes[length - 2] === 10 || (bytes[length - 2] === 13 && bytes[length - 3] === 10);
}

/** Whether whole lines are all comments. */
function isComments(bytes: Uint8Array): boolean {
  if (bytes[0] !== 58) return false;
  const lines = decoder.decode(bytes).split(/[\r\n]+/);
  return lines.every((line) => line === "" || line.startsWith(":"));
}
