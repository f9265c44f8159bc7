import { eventStreamHeaders } from "../../wire/sse.ts";
import type { Quotas } from "../core/access/quotas.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { OpenStreams } from "../core/open-streams.ts";
import type { Call } from "./route.ts";

/** The most bytes that wait for a slow reader. With more, the stream is overrun. */
const maxQueuedBytes = 8 * 1024 * 1024;

/** Milliseconds between two comments, which keep a quiet stream open. */
const heartbeat = 15_000;

const encoder = new TextEncoder();

/** A stream of server-sent events to one reader. */
export class EventStream {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #onEnd: (() => void)[] = [];
  #isEnded = false;

  constructor(controller: ReadableStreamDefaultController<Uint8Array>) {
    this.#controller = controller;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** True if the reader is so far behind that the stream should end; it can go on with a new one. */
  get isOverrun(): boolean {
    return -(this.#controller.desiredSize ?? 0) > maxQueuedBytes;
  }

  send(event: string, id: number, data: object): void {
    this.#controller.enqueue(encoder.encode(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`));
  }

  comment(): void {
    this.#controller.enqueue(encoder.encode(":\n\n"));
  }

  /** Adds work for when the stream has ended, whichever side ended it. */
  onEnd(work: () => void): void {
    this.#onEnd.push(work);
  }

  /** Ends the stream. The second time nothing happens. */
  end(): void {
    if (this.#isEnded) return;
    this.release();
    this.#controller.close();
  }

  /** Runs the work of `onEnd`: the reader has gone, or `end` is about to close the stream. */
  release(): void {
    this.#isEnded = true;
    for (const work of this.#onEnd.splice(0)) work();
  }
}

interface EventStreamDeps {
  streams: OpenStreams;
  quotas: Quotas;
  catalogue: Catalogue;
}

/**
 * Returns a response of server-sent events. It ends when its bearer is no longer valid, and when the server stops.
 *
 * @param begin sends the first events, and subscribes to later ones
 * @throws AppError `too_many_requests` if the user has too many of them
 */
export function eventResponse(
  { streams, quotas, catalogue }: EventStreamDeps,
  call: Call,
  begin: (stream: EventStream) => void,
): Response {
  if (call.isHead) return new Response(null, { headers: eventStreamHeaders });
  const { principal } = call;
  // The stream is added below, before anything else happens.
  quotas.reserve(catalogue.snapshot, principal, "streams", streams.endlessOf(principal.userId))();
  let stream: EventStream;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stream = new EventStream(controller);
        const beat = setInterval(() => stream.comment(), heartbeat);
        stream.onEnd(() => clearInterval(beat));
        stream.onEnd(streams.add(principal, () => stream.end(), true));
        // Bun sends the head of a response with its first byte: the reader should not wait for the first event.
        stream.comment();
        begin(stream);
      },
      cancel: () => stream.release(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return new Response(body, { headers: eventStreamHeaders });
}
