import { eventStreamHeaders } from "../../../wire/sse.ts";

/** Milliseconds between two comments, which keep a quiet stream open. */
const heartbeat = 15_000;

/** The most bytes that wait for a slow reader before messages that may be lost are left out. */
const maxWaitingBytes = 1024 * 1024;

/** Milliseconds after which a client that reads nothing of the rest of a stream is left. */
const longestPause = 90_000;

const encoder = new TextEncoder();

/** An event stream to one client. Each event is one message. */
export class ClientStream {
  readonly #body: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly #beat: ReturnType<typeof setInterval>;
  #isEnded = false;
  /** Runs once the stream has ended, while the client reads what is left of it. */
  #patience: ReturnType<typeof setTimeout> | undefined;
  /** Sees each message that is sent. */
  tap: ((message: string) => void) | undefined;
  /** Is called when the client has read everything so far. */
  onRead: () => void = () => undefined;
  /** Is called once when the stream has ended. */
  onEnd: () => void = () => undefined;
  /** Is called, before `onEnd`, if the client leaves. */
  onGone: () => void = () => undefined;

  constructor() {
    this.#body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#onPull(),
        cancel: () => {
          this.onRead();
          this.#leave();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    );
    this.#beat = setInterval(() => this.comment(), heartbeat);
    this.#beat.unref();
  }

  /** Returns the response with this stream. */
  response(headers: Readonly<Record<string, string>> = {}): Response {
    return new Response(this.#body, { headers: { ...eventStreamHeaders, ...headers } });
  }

  /** Bytes that the client has not read. */
  get waiting(): number {
    return -(this.#controller.desiredSize ?? 0);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends a message: its JSON. */
  send(message: string): void {
    if (this.#isEnded) return;
    this.tap?.(message);
    this.#write(`event: message\ndata: ${message}\n\n`);
  }

  /** Sends a message that may be lost, unless the client reads too slowly. */
  offer(message: string): void {
    if (this.waiting <= maxWaitingBytes) this.send(message);
  }

  /** Sends a comment, which clients pass over. */
  comment(): void {
    this.#write(": keep-alive\n\n");
  }

  end(): void {
    if (this.#isEnded) return;
    this.#stop();
    if (this.waiting > maxWaitingBytes) this.#patience = setTimeout(() => this.#giveUp(), longestPause);
    else this.#controller.close();
    this.onEnd();
  }

  #onPull(): void {
    this.onRead();
    if (!this.#patience) return;
    clearTimeout(this.#patience);
    this.#controller.close();
  }

  #giveUp(): void {
    this.#controller.error(new Error("the response was not read"));
    this.onRead();
  }

  #write(frame: string): void {
    if (!this.#isEnded) this.#controller.enqueue(encoder.encode(frame));
  }

  #leave(): void {
    if (this.#isEnded) return;
    this.#stop();
    this.onGone();
    this.onEnd();
  }

  #stop(): void {
    this.#isEnded = true;
    clearInterval(this.#beat);
  }
}
