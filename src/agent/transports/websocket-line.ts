import { parseExact } from "../../wire/exact-json.ts";
import { creditBytes, wholeCreditBytes } from "../../wire/link/constants.ts";
import type { AgentMessage, ServerEvent } from "../../wire/link/messages.ts";
import type { PartSource } from "../../wire/link/part-sender.ts";
import type { Task, WholeHead } from "../../wire/link/tasks.ts";
import { answerBytes } from "../session/response-text.ts";
import type { TaskLine, TaskOutcome } from "./server-link.ts";

/** The WebSocket that the responses of several tasks share. */
export interface SharedSocket {
  /** Sends a message that does not count as bytes of a response. */
  send(message: AgentMessage): void;
  /** True if the server takes whole responses in parts. */
  readonly sendsParts: boolean;
  /** Sends the bytes of a line, which has some to send again, in turn with those of other lines. */
  sendParts(line: WebSocketLine): void;
  /** Claims a task. Returns the server's response; undefined when none comes. */
  accept(taskId: string, attempt: number): Promise<(ServerEvent & { event: "accepted" }) | undefined>;
  /** Removes a line that is closed. */
  forget(line: WebSocketLine): void;
}

/** Sends the response of one task on a WebSocket. */
export class WebSocketLine implements TaskLine, PartSource {
  readonly endsWithLink = true;
  readonly taskId: string;
  onRoom = () => {};
  onGone = () => {};
  readonly #socket: SharedSocket;
  /** 0 for a wake, and for a task of a server that gives no channels. */
  readonly channel: number;
  /** Undefined for a wake. */
  readonly #attempt: number | undefined;
  #credit = creditBytes;
  #waiting: Uint8Array[] = [];
  #held = false;
  #whenSent: (() => void) | undefined;
  /** The request, if it comes in parts. */
  readonly #request: RequestInParts | undefined;
  #closed = false;

  constructor(socket: SharedSocket, task: Task) {
    this.#socket = socket;
    this.taskId = task.taskId;
    const call = "attempt" in task ? task : undefined;
    this.channel = call?.channel ?? 0;
    if (call?.requestBytes !== undefined) this.#request = new RequestInParts(call.requestBytes);
    this.#attempt = call?.attempt;
  }

  async accept(attempt: number): Promise<{ request?: unknown } | undefined> {
    const response = await this.#socket.accept(this.taskId, attempt);
    // The server may have granted it all the same, and would wait for a response.
    if (!response) await this.finish(notTaken);
    if (!response?.granted) return undefined;
    return this.#request ? { request: await this.#request.whole } : response;
  }

  /** Takes bytes of the request. */
  receive(bytes: Uint8Array): void {
    this.#request?.receive(bytes);
  }

  begin(head: WholeHead): boolean {
    if (!this.#socket.sendsParts) return false;
    if (this.#closed) return true;
    this.#socket.send({ op: "head", taskId: this.taskId, attempt: this.#attempt ?? 1, ...head });
    this.#credit += wholeCreditBytes - creditBytes;
    return true;
  }

  get full(): boolean {
    return this.#waiting.length > 0 || this.#credit <= 0;
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#socket.sendParts(this);
    this.#held ||= this.full;
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
    this.#socket.sendParts(this);
    this.#tellRoom();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#whenSent?.();
    this.#request?.close();
    this.#socket.forget(this);
  }

  /** Returns the next bytes to send, as far as the credit allows. */
  take(most: number): Uint8Array | undefined {
    const next = this.#waiting[0];
    if (!next || this.#credit <= 0) return undefined;
    const length = Math.min(next.length, this.#credit, most);
    this.#credit -= length;
    if (length === next.length) this.#waiting.shift();
    else this.#waiting[0] = next.subarray(length);
    if (this.#waiting.length === 0) this.#whenSent?.();
    this.#tellRoom();
    return next.subarray(0, length);
  }

  #tellRoom(): void {
    if (!this.#held || this.full || this.#closed) return;
    this.#held = false;
    this.onRoom();
  }

  #sent(): Promise<void> {
    if (this.#waiting.length === 0 || this.#closed) return Promise.resolve();
    return new Promise((sent) => {
      this.#whenSent = sent;
    });
  }
}

const notTaken: TaskOutcome = { error: { kind: "closed", message: "the agent could not take the task" } };

/** A request that comes in parts. */
class RequestInParts {
  readonly #whole = Promise.withResolvers<unknown>();
  #parts: Uint8Array[] = [];
  #missing: number;

  constructor(length: number) {
    this.#missing = length;
    // The server takes no request that is so long.
    if (length > answerBytes) this.close();
  }

  /** Resolves with the parsed request; undefined if it does not come, or is not JSON. */
  get whole(): Promise<unknown> {
    return this.#whole.promise;
  }

  receive(bytes: Uint8Array): void {
    if (this.#missing <= 0) return;
    this.#parts.push(bytes);
    this.#missing -= bytes.length;
    if (this.#missing > 0) return;
    const text = Buffer.concat(this.#parts).toString("utf8");
    this.#parts = [];
    this.#whole.resolve(parsedExactly(text));
  }

  close(): void {
    this.#missing = 0;
    this.#parts = [];
    this.#whole.resolve(undefined);
  }
}

/** Parses JSON and keeps all digits of integers. */
function parsedExactly(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}
