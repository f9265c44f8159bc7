import { encodeBytes } from "../../wire/link/binary-frame.ts";
import { creditBytes } from "../../wire/link/constants.ts";
import type { AgentMessage, ServerEvent } from "../../wire/link/messages.ts";
import type { Task } from "../../wire/link/tasks.ts";
import type { TaskLine, TaskOutcome } from "./server-link.ts";

/** The most bytes of one frame, so that frames of other tasks can go in between. */
const frameBytes = 64 * 1024;

/** The WebSocket that the responses of several tasks share. */
export interface SharedSocket {
  /** Sends a message that does not count as bytes of a response. */
  send(message: AgentMessage): void;
  /** True while the socket's buffer takes more bytes. Every line is flushed when that becomes true again. */
  readonly hasRoom: boolean;
  /** Sends bytes of a response. */
  sendBytes(frame: Uint8Array<ArrayBuffer>): void;
  /** Claims a task. Returns the server's response; undefined when none comes. */
  accept(taskId: string, attempt: number): Promise<(ServerEvent & { event: "accepted" }) | undefined>;
  /** Removes a line that is closed. */
  forget(line: WebSocketLine): void;
}

/** Sends the response of one task on a WebSocket. */
export class WebSocketLine implements TaskLine {
  readonly endsWithLink = true;
  readonly taskId: string;
  onRoom = () => {};
  onGone = () => {};
  readonly #socket: SharedSocket;
  readonly #channel: number | undefined;
  /** Undefined for a wake. */
  readonly #attempt: number | undefined;
  #credit = creditBytes;
  #waiting: Uint8Array[] = [];
  #held = false;
  #whenSent: (() => void) | undefined;
  #closed = false;

  constructor(socket: SharedSocket, task: Task) {
    this.#socket = socket;
    this.taskId = task.taskId;
    this.#channel = task.kind === "infer" ? task.channel : undefined;
    this.#attempt = task.kind === "infer" ? task.attempt : undefined;
  }

  async accept(attempt: number): Promise<{ request?: unknown } | undefined> {
    const response = await this.#socket.accept(this.taskId, attempt);
    return response?.granted ? response : undefined;
  }

  get full(): boolean {
    return this.#waiting.length > 0 || this.#credit <= 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.flush();
  }

  async end(): Promise<void> {
    await this.#sent();
    if (this.#closed) return;
    this.#socket.send({ op: "done", taskId: this.taskId, attempt: this.#attempt ?? 1 });
    this.close();
  }

  async finish(outcome: TaskOutcome): Promise<void> {
    await this.#sent();
    if (this.#closed) return;
    const attempt = this.#attempt === undefined ? {} : { attempt: this.#attempt };
    this.#socket.send({ op: "result", taskId: this.taskId, ...attempt, ...outcome });
    this.close();
  }

  grant(bytes: number): void {
    this.#credit += bytes;
    this.flush();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#whenSent?.();
    this.#socket.forget(this);
  }

  /** Sends what waits, as far as the credit and the buffer allow. */
  flush(): void {
    while (this.#waiting.length > 0 && this.#credit > 0 && this.#socket.hasRoom) {
      const next = this.#waiting[0]!;
      const length = Math.min(next.length, this.#credit, frameBytes);
      this.#socket.sendBytes(encodeBytes(this.#channel ?? 0, next.subarray(0, length)));
      this.#credit -= length;
      if (length === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(length);
    }
    if (this.#waiting.length === 0) this.#whenSent?.();
    const wasHeld = this.#held;
    this.#held = this.full;
    if (wasHeld && !this.#held && !this.#closed) this.onRoom();
  }

  #sent(): Promise<void> {
    if (this.#waiting.length === 0 || this.#closed) return Promise.resolve();
    return new Promise((sent) => {
      this.#whenSent = sent;
    });
  }
}
