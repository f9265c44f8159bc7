import { encodeBytes } from "../../wire/link/binary-frame.ts";
import { creditBytes } from "../../wire/link/constants.ts";
import type { AgentMessage, ServerEvent } from "../../wire/link/messages.ts";
import type { Task } from "../../wire/link/tasks.ts";
import type { TaskLine, TaskOutcome } from "./server-link.ts";

/** The most that one frame carries: others' frames go between. */
const frameBytes = 64 * 1024;

/** The WebSocket that the answers of several tasks share. */
export interface SharedSocket {
  /** Sends a message that does not count as an answer's bytes. */
  send(message: AgentMessage): void;
  /** True while the socket's buffer takes more of an answer; every line is flushed when it does again. */
  readonly hasRoom: boolean;
  /** Sends bytes of an answer. */
  sendBytes(frame: Uint8Array<ArrayBuffer>): void;
  /** Claims a task. Returns the server's reply; undefined when none comes. */
  accept(taskId: string, attempt: number): Promise<(ServerEvent & { event: "accepted" }) | undefined>;
  /** Tells the socket that a line is closed. */
  forget(line: WebSocketLine): void;
}

/** One task's answer on a WebSocket. */
export class WebSocketLine implements TaskLine {
  readonly endsWithLink = true;
  readonly taskId: string;
  onRoom = () => {};
  onGone = () => {};
  readonly #socket: SharedSocket;
  readonly #channel: number | undefined;
  /** Of a wake there is none. */
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
    const answer = await this.#socket.accept(this.taskId, attempt);
    return answer?.granted ? answer : undefined;
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

  /** Sends what waits, as far as credit and buffer allow. */
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
