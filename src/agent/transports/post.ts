import { AppError } from "../../errors.ts";
import type { Log } from "../../log.ts";
import { ByteBuffer } from "../../wire/byte-buffer.ts";
import { creditBytes, offerMs, resultBytes } from "../../wire/link/constants.ts";
import type { Task } from "../../wire/link/tasks.ts";
import { firstFrameEnd, lastFrameEnd } from "../../wire/sse.ts";
import { persist, type Reply, type ServerCalls } from "../session/server-calls.ts";
import type { AgentSession } from "../session/session.ts";
import type { TaskLine, TaskOutcome } from "./server-link.ts";

/** How long results may fail to get through before the answer is given up, in milliseconds: the server waits as long. */
const patience = 15_000;
/** Without credit and without a word, the server is asked after so many milliseconds: a grant may have been lost. */
const askMs = 2_000;
/** An event that is longer is not gathered: the server would refuse it. */
const eventBytes = 8 * 1024 * 1024;
// What is cut at ends of lines has no half characters.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export interface PostLineOptions {
  task: Task;
  calls: ServerCalls;
  session: AgentSession;
  log: Log;
}

/** One task's answer in POSTs: one under way at a time, and the next carries everything that has come meanwhile. */
export class PostLine implements TaskLine {
  readonly endsWithLink = false;
  onRoom = () => {};
  onGone = () => {};
  readonly #options: PostLineOptions;
  readonly #attempt: { attempt?: number };
  readonly #closing = new AbortController();
  readonly #pending = new ByteBuffer();
  /** Of `#pending`: what has been searched for the end of an event. */
  #cutAt = 0;
  #credit = creditBytes;
  #seq = 0;
  #sending = false;
  /** Sending begins with the next turn of the event loop. */
  #isDue = false;
  #held = false;
  #ending: PromiseWithResolvers<void> | undefined;
  #outcome: TaskOutcome | undefined;
  #stopAsking: (() => void) | undefined;

  constructor(options: PostLineOptions) {
    this.#options = options;
    this.#attempt = options.task.kind === "infer" ? { attempt: options.task.attempt } : {};
  }

  async accept(attempt: number): Promise<{ request?: unknown } | undefined> {
    const { calls, task } = this.#options;
    let tries = 0;
    const send = (epoch: object) => {
      tries++;
      return calls.accept(task.taskId, { ...epoch, attempt }, this.#closing.signal);
    };
    const reply = await this.#say(send, offerMs);
    if (reply && !reply.error) return reply.body ?? {};
    // An answer may have been lost on its way, and the task be ours without our knowing its request.
    if (tries > 1)
      await this.finish({ error: { kind: "closed", message: "the agent could not take the task" } });
    return undefined;
  }

  get full(): boolean {
    return this.#cutAt >= Math.min(this.#credit, resultBytes);
  }

  write(bytes: Uint8Array): void {
    if (this.#closing.signal.aborted || this.#outcome || bytes.length === 0) return;
    const from = this.#pending.length;
    this.#pending.append(bytes);
    const end = lastFrameEnd(this.#pending.bytes, from);
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
    // The last blank line, which some providers leave out.
    if (this.#pending.length > this.#cutAt) this.#pending.append(Buffer.from("\n\n"));
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
    this.#credit = Math.min(creditBytes, this.#credit + bytes);
    this.#pump();
    this.#tellRoom();
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#stopAsking?.();
    this.#ending?.resolve();
  }

  /** What comes in one turn of the event loop goes in one POST: the end of an answer with its last words. */
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
    this.#stopAsking?.();
    this.#stopAsking = undefined;
    for (let result = this.#next(); result; result = this.#next()) {
      // What goes now has made room for more, which is read meanwhile.
      this.#tellRoom();
      const last = !("seq" in result) || result.done === true;
      if (!(await this.#post(result)) || last) this.close();
    }
    this.#tellRoom();
    this.#sending = false;
    if (this.full && !this.#closing.signal.aborted)
      this.#stopAsking = this.#options.calls.time.after(askMs, () => void this.#ask());
  }

  /** What can be said now; undefined when there is nothing, or nothing that the credit allows. */
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
    return { seq: ++this.#seq, frames, ...(done && { done }) };
  }

  /** As many whole events as one POST and the credit take; an event that is larger than what is left goes alone. */
  #cut(): string | undefined {
    const whole = this.#pending.bytes.subarray(0, this.#cutAt);
    const room = Math.min(this.#credit, resultBytes);
    if (room <= 0) return undefined;
    let end = whole.length <= room ? whole.length : lastFrameEnd(whole.subarray(0, room));
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
      const reply = await this.#say(send, patience);
      if (this.#closing.signal.aborted) return false;
      if (!reply || reply.error) {
        if (reply?.status !== 410)
          log.warn(`the answer of a call was not taken: ${reply?.error?.message ?? "no connection"}`);
        this.onGone();
        return false;
      }
      const { ackSeq, credit, cancelled } = reply.body ?? {};
      if (cancelled === true) {
        this.onGone();
        return false;
      }
      if (typeof credit === "number") this.#credit = credit;
      if (!("seq" in result) || typeof ackSeq !== "number" || ackSeq >= result.seq) return true;
    }
    log.warn("the answer of a call was not taken: the server lacks a part of it");
    this.onGone();
    return false;
  }

  /** Says it with the epoch as it is, and again where the agent has meanwhile attached anew. */
  async #say(send: (epoch: object) => Promise<Reply>, patience: number): Promise<Reply | undefined> {
    const { session, calls } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const { epoch } = session;
      const said = async () => fromServer(await send(epoch === undefined ? {} : { epoch }));
      const reply = await persist(said, {
        time: calls.time,
        signal,
        patience,
      });
      if (reply?.error?.code !== "fenced" || !(await session.refused(epoch, signal))) return reply;
    }
    return undefined;
  }

  /** The last batch again, which is not taken twice: its answer tells the credit. */
  async #ask(): Promise<void> {
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

/** A proxy's page with a status of success means that nothing has got through. */
function fromServer(reply: Reply): Reply {
  if (reply.error || reply.body) return reply;
  throw new AppError("connection_failed", "something else has answered in the server's place");
}

interface Batch {
  seq: number;
  frames: string[];
  done?: boolean;
}
