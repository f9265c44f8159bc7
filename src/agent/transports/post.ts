import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { ByteBuffer } from "../../wire/byte-buffer.ts";
import { creditBytes, offerMs, resultBytes, wholeCreditBytes } from "../../wire/link/constants.ts";
import type { Task, WholeHead } from "../../wire/link/tasks.ts";
import { firstFrameEnd, lastFrameEnd } from "../../wire/sse.ts";
import { persist, type ServerCalls, type ServerResponse } from "../session/server-calls.ts";
import type { AgentSession } from "../session/session.ts";
import type { TaskLine, TaskOutcome } from "./server-link.ts";

/** The response is given up after so many milliseconds without a POST that succeeds. The server waits as long. */
const resultTimeout = 15_000;
/** Without credit, the agent asks for it after so many milliseconds: a lost grant would stop the response for ever. */
const creditCheckMs = 2_000;
/** The most bytes of one event. The server would refuse a longer one. */
const eventBytes = 8 * 1024 * 1024;
/** One POST of a whole response is to take so many milliseconds, and has at most so many bytes. */
const wholePostMs = 2_000;
const wholePostBytes = 4 * 1024 * 1024;
// Text that is cut at line ends has no incomplete characters.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export interface PostLineOptions {
  task: Task;
  calls: ServerCalls;
  session: AgentSession;
  log: Log;
}

/** Sends the response of one task in POSTs: one at a time, and the next carries everything that has arrived meanwhile. */
export class PostLine implements TaskLine {
  readonly endsWithLink = false;
  onRoom = () => {};
  onGone = () => {};
  readonly #options: PostLineOptions;
  readonly #attempt: { attempt?: number };
  readonly #closing = new AbortController();
  readonly #pending = new ByteBuffer();
  /** The head of a whole response; undefined for a stream of events. */
  #head: WholeHead | undefined;
  /** The most bytes of the next POST. */
  #postBytes = resultBytes;
  /** End of the whole events, or of the whole characters, in `#pending`. */
  #cutAt = 0;
  #credit = creditBytes;
  #seq = 0;
  #sending = false;
  /** True if sending begins with the next turn of the event loop. */
  #isDue = false;
  #held = false;
  #ending: PromiseWithResolvers<void> | undefined;
  #outcome: TaskOutcome | undefined;
  #stopCreditCheck: (() => void) | undefined;

  constructor(options: PostLineOptions) {
    this.#options = options;
    this.#attempt = "attempt" in options.task ? { attempt: options.task.attempt } : {};
  }

  async accept(attempt: number): Promise<{ request?: unknown } | undefined> {
    const { calls, task } = this.#options;
    let tries = 0;
    const send = (epoch: object) => {
      tries++;
      return calls.accept(task.taskId, { ...epoch, attempt }, this.#closing.signal);
    };
    const response = await this.#sendFenced(send, offerMs);
    if (response && !response.error) return response.body ?? {};
    // A response may have been lost: the task can be this agent's although its request is not known here.
    if (tries > 1)
      await this.finish({ error: { kind: "closed", message: "the agent could not take the task" } });
    return undefined;
  }

  get full(): boolean {
    return this.#cutAt >= Math.min(this.#credit, this.#postBytes);
  }

  begin(head: WholeHead): boolean {
    if (!this.#options.session.revision.sendsParts) return false;
    this.#head = head;
    this.#credit = wholeCreditBytes;
    return true;
  }

  write(bytes: Uint8Array): void {
    if (this.#closing.signal.aborted || this.#outcome || bytes.length === 0) return;
    const from = this.#pending.length;
    this.#pending.append(bytes);
    const end = this.#head ? lastCharacterEnd(this.#pending.bytes) : lastFrameEnd(this.#pending.bytes, from);
    if (end > 0) this.#cutAt = end;
    else if (this.#pending.length - this.#cutAt > eventBytes) {
      void this.finish({
        error: { kind: "too-large", message: "an event of the provider's stream is too large" },
      });
      return this.onGone();
    }
    this.#pump();
    this.#held ||= this.full;
  }

  end(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#ending ??= Promise.withResolvers();
    // Some providers leave out the blank line after the last event.
    if (this.#pending.length > this.#cutAt && !this.#head) this.#pending.append(Buffer.from("\n\n"));
    this.#cutAt = this.#pending.length;
    this.#pump();
    return this.#ending.promise;
  }

  finish(outcome: TaskOutcome): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#ending ??= Promise.withResolvers();
    this.#outcome = outcome;
    this.#pump();
    return this.#ending.promise;
  }

  grant(bytes: number): void {
    this.#credit = Math.min(this.#head ? wholeCreditBytes : creditBytes, this.#credit + bytes);
    this.#pump();
    this.#tellRoom();
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#stopCreditCheck?.();
    this.#ending?.resolve();
  }

  /** Sends all bytes of one turn of the event loop in one POST, so that the last bytes and the end go together. */
  #pump(): void {
    if (this.#sending || this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (!this.#sending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    this.#stopCreditCheck?.();
    this.#stopCreditCheck = undefined;
    for (let result = this.#next(); result; result = this.#next()) {
      // There is room for more bytes, which are read during the POST.
      this.#tellRoom();
      const last = !("seq" in result) || result.done === true;
      if (!(await this.#post(result)) || last) this.close();
    }
    this.#tellRoom();
    this.#sending = false;
    if (this.full && !this.#closing.signal.aborted)
      this.#stopCreditCheck = this.#options.calls.time.after(creditCheckMs, () => void this.#askForCredit());
  }

  /** Returns what can be sent now; undefined when there is nothing, or no credit. */
  #next(): Batch | TaskOutcome | undefined {
    if (this.#closing.signal.aborted) return undefined;
    if (this.#cutAt > 0) {
      const text = this.#cut();
      return text === undefined ? undefined : this.#batch([text]);
    }
    return this.#outcome ?? (this.#ending && this.#batch([]));
  }

  #batch(frames: string[]): Batch {
    const done = this.#ending !== undefined && this.#cutAt === 0 && !this.#outcome;
    const head = this.#seq === 0 ? this.#head : undefined;
    return { seq: ++this.#seq, frames, ...(head && { head }), ...(done && { done }) };
  }

  /**
   * Cuts off as many whole events or characters as one POST and the credit allow; an event larger than that goes alone.
   */
  #cut(): string | undefined {
    const whole = this.#pending.bytes.subarray(0, this.#cutAt);
    const room = Math.min(this.#credit, this.#postBytes);
    if (room <= 0) return undefined;
    let end = whole.length;
    if (end > room) end = this.#head ? characterEnd(whole, room) : lastFrameEnd(whole.subarray(0, room));
    if (end <= 0) {
      end = firstFrameEnd(whole, room);
      if (end < 0) end = whole.length;
    }
    const text = decoder.decode(whole.subarray(0, end));
    const rest = this.#pending.take().slice(end);
    this.#pending.append(rest);
    this.#cutAt -= end;
    this.#credit -= end;
    return text;
  }

  async #post(result: Batch | TaskOutcome): Promise<boolean> {
    const { calls, task, log } = this.#options;
    const send = (epoch: object) =>
      calls.result(task.taskId, { ...epoch, ...this.#attempt, ...result }, this.#closing.signal);
    for (let tries = 0; tries < 3; tries++) {
      const startedAt = calls.time.elapsed();
      const response = await this.#sendFenced(send, resultTimeout);
      if (this.#closing.signal.aborted) return false;
      if (!response || response.error) {
        if (response?.status !== 410)
          log.warn(
            `the server did not take the response of a call: ${response?.error?.message ?? "no connection"}`,
          );
        this.onGone();
        return false;
      }
      const { ackSeq, credit, cancelled } = response.body ?? {};
      if (cancelled === true) {
        this.onGone();
        return false;
      }
      if (typeof credit === "number") this.#credit = credit;
      if (this.#head && "seq" in result) this.#fitPosts(result, calls.time.elapsed() - startedAt);
      if (!("seq" in result) || typeof ackSeq !== "number" || ackSeq >= result.seq) return true;
    }
    log.warn("the server did not take the response of a call: it lacks a part of it");
    this.onGone();
    return false;
  }

  /** Makes the POSTs of a whole response as long as the line is fast. */
  #fitPosts({ frames }: Batch, took: number): void {
    const bytes = ((frames[0]?.length ?? 0) * wholePostMs) / Math.max(1, took);
    this.#postBytes = Math.round(Math.min(wholePostBytes, Math.max(resultBytes, bytes)));
  }

  /** Sends with the current epoch, and again if the agent has attached meanwhile. */
  async #sendFenced(
    send: (epoch: object) => Promise<ServerResponse>,
    timeout: number,
  ): Promise<ServerResponse | undefined> {
    const { session, calls } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const { epoch } = session;
      const attempt = async () => fromServer(await send(epoch === undefined ? {} : { epoch }));
      const response = await persist(attempt, {
        time: calls.time,
        signal,
        timeout,
      });
      if (response?.error?.code !== "fenced" || !(await session.refused(epoch, signal))) return response;
    }
    return undefined;
  }

  /** Sends the last batch again: the server does not take it twice, and its response contains the credit. */
  async #askForCredit(): Promise<void> {
    if (this.#sending || this.#closing.signal.aborted) return;
    this.#sending = true;
    if (!(await this.#post({ seq: this.#seq, frames: [] }))) this.close();
    this.#sending = false;
    this.#pump();
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (!this.#held || this.full || this.#closing.signal.aborted) return;
    this.#held = false;
    this.onRoom();
  }
}

/** Refuses a page of a proxy with a status of success: nothing has reached the server. */
function fromServer(response: ServerResponse): ServerResponse {
  if (response.error || response.body) return response;
  throw new AppError("connection_failed", "something else has responded in place of the server");
}

/** Returns the end of the last whole character. Bytes that are not UTF-8 count as whole. */
function lastCharacterEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Returns the end of the character that a cut would divide; the cut itself if it divides none. */
function characterEnd(bytes: Uint8Array, cut: number): number {
  let end = cut;
  while (end < cut + 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end++;
  return end;
}

interface Batch {
  seq: number;
  frames: string[];
  head?: WholeHead;
  done?: boolean;
}
