import type { Deadline, Deadlines } from "../../../core/deadlines.ts";

/** The interval of comments on a quiet stream, which keep proxies from closing it. Milliseconds. */
const heartbeat = 15_000;
/** The bytes that can wait for a slow caller. */
const bufferBytes = 256 * 1024;

const encoder = new TextEncoder();

/** The body of a streamed answer, written frame by frame. */
export class FrameWriter {
  readonly body: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #room: PromiseWithResolvers<void> | undefined;
  readonly #heartbeat: Deadline;
  #isOver = false;

  /** @param onGone called if the caller leaves */
  constructor(deadlines: Deadlines, onGone: () => void) {
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#room?.resolve(),
        cancel: () => {
          this.#stop();
          onGone();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
    );
    const beat = (): Deadline =>
      deadlines.after(heartbeat, () => {
        this.#enqueue(":\n\n");
        this.#heartbeat.extend(heartbeat);
      });
    this.#heartbeat = beat();
  }

  /** Writes frames, and returns when the caller has room for more. */
  async write(frames: string): Promise<void> {
    if (frames === "" || this.#isOver) return;
    this.#enqueue(frames);
    this.#heartbeat.extend(heartbeat);
    if ((this.#controller.desiredSize ?? 1) > 0) return;
    this.#room ??= Promise.withResolvers();
    await this.#room.promise;
    this.#room = undefined;
  }

  close(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#controller.close();
  }

  /** Breaks the stream off. */
  abort(): void {
    if (this.#isOver) return;
    this.#stop();
    // Bun would print a reason.
    this.#controller.error();
  }

  #enqueue(frames: string): void {
    if (!this.#isOver) this.#controller.enqueue(encoder.encode(frames));
  }

  #stop(): void {
    this.#isOver = true;
    this.#heartbeat.cancel();
    this.#room?.resolve();
  }
}
