import type { CallRequest } from "../../wire/incoming-request.ts";

/** Takes the bytes of a body as they are made. The controller of a `ReadableStream` is one. */
export interface BodyTaker {
  /** Bytes that its maker may still give before it should wait; 0 or less where it should. */
  readonly desiredSize: number | null;
  enqueue(bytes: Uint8Array): void;
  /** Gives the last bytes and ends the body. Without it they are two steps. */
  closeWith?(bytes: Uint8Array): void;
  close(): void;
  /** Ends a body that is not whole, so that its reader sees that. */
  error(): void;
}

/** A body that is made while it is sent, for one taker. */
export interface LiveBody {
  /** Gives what there is to a taker, and the rest as it comes. */
  open(taker: BodyTaker): void;
  /** The taker has room again. */
  pull(): void;
  /** The taker wants no more. */
  cancel(): void;
}

/**
 * A response whose bytes the listener of our own takes as they are made. A `ReadableStream` in between costs two promises for
 * each piece; it is made only for others who read the body.
 */
export class LiveResponse extends Response {
  readonly live: LiveBody;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;

  constructor(live: LiveBody, init: ResponseInit) {
    super(null, init);
    this.live = live;
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#stream ??= streamOf(this.live);
    return this.#stream;
  }
}

/** Returns the response with a live body to a request. */
export function liveResponse(
  live: LiveBody,
  init: ResponseInit,
  { takesLive }: Pick<CallRequest, "headers" | "takesLive">,
): Response {
  return takesLive ? new LiveResponse(live, init) : new Response(streamOf(live), init);
}

/** The bytes that can wait for a slow reader before the maker of a body should wait. */
export const waitingBytes = 256 * 1024;

function streamOf(live: LiveBody): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    { start: (controller) => live.open(controller), pull: () => live.pull(), cancel: () => live.cancel() },
    new ByteLengthQueuingStrategy({ highWaterMark: waitingBytes }),
  );
}

/** Keeps the bytes of a body until there is a taker. */
export class WaitingBytes implements BodyTaker {
  #parts: Uint8Array[] = [];
  #length = 0;
  #end: "close" | "error" | undefined;

  get desiredSize(): number {
    return waitingBytes - this.#length;
  }

  enqueue(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  close(): void {
    this.#end = "close";
  }

  error(): void {
    this.#end = "error";
  }

  /** Gives everything to a taker. */
  moveTo(taker: BodyTaker): void {
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    const last = this.#end === "close" && taker.closeWith ? parts.pop() : undefined;
    for (const part of parts) taker.enqueue(part);
    if (last) taker.closeWith!(last);
    else if (this.#end) taker[this.#end]();
  }
}
