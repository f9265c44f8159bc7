import { decodeBytes } from "../../wire/link/binary-frame.ts";
import { largeText, nextTurn, TurnShare } from "../../wire/next-turn.ts";
import { principalOf } from "../core/access/principals.ts";
import type { BodyBudget } from "../core/body-budget.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { GrowingMemory } from "../core/growing-memory.ts";
import { AgentCall } from "./agent-call.ts";
import type { LinkSession } from "./link-session.ts";
import type { LinkSessions } from "./link-sessions.ts";
import type { ProviderSessions } from "./provider-sessions.ts";
import { readLargeMessage, readMessage, type SocketMessage } from "./socket-message.ts";
import type { AgentTask, TaskRegistry } from "./task-registry.ts";
import type { Wakes } from "./wakes.ts";

export interface SocketInputOptions {
  catalogue: Pick<Catalogue, "snapshot">;
  sessions: Pick<ProviderSessions, "report" | "renew">;
  tasks: TaskRegistry;
  links: Pick<LinkSessions, "adopt" | "end">;
  wakes: Wakes;
  /** The memory for large messages. */
  bodies: Pick<BodyBudget, "isLarge" | "tryHold">;
  /** Milliseconds since 1970. */
  now(): number;
  turnShare?: TurnShare;
}

/** A frame, or the end of the connection. */
type Arrival = string | Buffer | (() => void);

/** Messages that wait: a large one that is being read, or a share of a turn that is over, and what came after it. */
interface Waiting {
  arrivals: Arrival[];
  /** Of all of them. */
  bytes: number;
  memory: GrowingMemory;
}

/** The most bytes of a large frame and those that wait while it is read: three frames of the largest size. */
const maxWaitingBytes = 24 * 1024 * 1024;
/** Bytes that a message takes besides its text while it waits. */
const arrivalBytes = 128;
/** Milliseconds in one turn of the event loop for the messages of all agents: Bun reads thousands of them in one (T261). */
const usualShare = new TurnShare(8);

/** The messages and bytes that agents send over their WebSockets. A frame that no agent sends closes its link. */
export class SocketInput {
  readonly #options: SocketInputOptions;
  readonly #turnShare: TurnShare;
  /** Messages that wait, by link. */
  readonly #waiting = new WeakMap<LinkSession, Waiting>();

  constructor(options: SocketInputOptions) {
    this.#options = options;
    this.#turnShare = options.turnShare ?? usualShare;
  }

  /** Takes a binary frame: bytes of a response. */
  bytes(link: LinkSession, frame: Buffer): void {
    if (this.#waits(link, frame) || this.#defers(link, frame)) return;
    const { sessions, links } = this.#options;
    const part = decodeBytes(frame);
    if (!part) return links.end(link, "malformed");
    sessions.renew(link.sessionId);
    link.acknowledge(part.bytes.length);
    // Bytes for a task that is over were on their way already.
    const receiver = link.receiverOf(part.channel);
    if (receiver && !receiver.take(part.bytes as Buffer)) links.end(link, "overrun");
  }

  /** Takes a text frame: a message as JSON. A large one is read in several turns of the event loop (T60). */
  text(link: LinkSession, text: string): void {
    if (this.#waits(link, text) || this.#defers(link, text)) return;
    if (text.length > largeText) return void this.#large(link, text);
    let message: SocketMessage | undefined;
    try {
      message = readMessage(text);
    } catch {
      return this.#options.links.end(link, "malformed");
    }
    this.#message(link, message);
  }

  /** Calls `then` when the frames that came before the end of the connection are read. */
  closed(link: LinkSession, then: () => void): void {
    if (!this.#waits(link, then)) then();
  }

  /** True if other messages are before the arrival, after which it is taken. */
  #waits(link: LinkSession, arrival: Arrival): boolean {
    const waiting = this.#waiting.get(link);
    if (!waiting) return false;
    waiting.arrivals.push(arrival);
    if (typeof arrival !== "function") waiting.bytes += arrival.length + arrivalBytes;
    if (waiting.bytes > maxWaitingBytes) this.#options.links.end(link, "overrun");
    else if (!waiting.memory.grow(waiting.bytes)) this.#options.links.end(link, "busy");
    return true;
  }

  /** True if the arrival is taken in a later turn, because those before it have taken long enough. */
  #defers(link: LinkSession, arrival: string | Buffer): boolean {
    if (!this.#turnShare.isOver) return false;
    const memory = new GrowingMemory(this.#options.bodies, link.principal.userId);
    const waiting: Waiting = { arrivals: [arrival], bytes: arrival.length + arrivalBytes, memory };
    this.#waiting.set(link, waiting);
    nextTurn().then(() => {
      this.#turnShare.renew();
      this.#goOn(link, waiting);
    });
    return true;
  }

  async #large(link: LinkSession, text: string): Promise<void> {
    const memory = new GrowingMemory(this.#options.bodies, link.principal.userId);
    // The agent attaches again, and its calls are told that it has gone.
    if (!memory.grow(text.length)) {
      memory.release();
      return this.#options.links.end(link, "busy");
    }
    const waiting: Waiting = { arrivals: [], bytes: text.length, memory };
    this.#waiting.set(link, waiting);
    // To receive so many bytes has taken long already.
    await nextTurn();
    const message = await readLargeMessage(text).catch(() => "malformed" as const);
    if (link.isOpen)
      if (message === "malformed") this.#options.links.end(link, "malformed");
      else this.#message(link, message);
    this.#goOn(link, waiting);
  }

  /** Takes what has waited. A large message, or the end of a share, has what comes after it wait again. */
  #goOn(link: LinkSession, { arrivals, memory }: Waiting): void {
    this.#waiting.delete(link);
    memory.release();
    for (const arrival of arrivals) {
      if (typeof arrival === "function") this.closed(link, arrival);
      else if (!link.isOpen) continue;
      else if (typeof arrival === "string") this.text(link, arrival);
      else this.bytes(link, arrival);
    }
  }

  #message(link: LinkSession, message: SocketMessage | undefined): void {
    const { catalogue, sessions, tasks, links, now } = this.#options;
    sessions.renew(link.sessionId);
    if (message?.op === "heartbeat") {
      if (message.state) void sessions.report(link.sessionId, message.state);
    } else if (message?.op === "received") {
      if (!link.received(message.bytes)) links.end(link, "malformed");
    } else if (message?.op === "authenticate") {
      const principal = principalOf(catalogue.snapshot, message.token, now());
      if (principal) links.adopt(link, principal);
    } else if (message) {
      const task = tasks.get(message.taskId);
      // A task of another session is treated as one that does not exist.
      this.#taskMessage(link, message, task?.link === link ? task : undefined);
    }
  }

  #taskMessage(
    link: LinkSession,
    message: Extract<SocketMessage, { taskId: string }>,
    task: AgentTask | undefined,
  ): void {
    if (message.op === "accept") {
      const { taskId, attempt } = message;
      const granted = task instanceof AgentCall ? task.accept(attempt, link.epoch) : task && {};
      return link.send(
        { event: "accepted", taskId, attempt, granted: granted !== undefined && granted !== false },
        granted ? granted.request : undefined,
      );
    }
    if (!task) return;
    if (message.op === "done") {
      if (task instanceof AgentCall && message.attempt === task.attempt) task.done();
      return;
    }
    if (message.op === "head") {
      if (task instanceof AgentCall && message.attempt === task.attempt) task.head(message.head);
      return;
    }
    const { links, wakes } = this.#options;
    const { result } = message;
    if (result.attempt !== undefined && result.attempt !== task.attempt) return;
    if (!(task instanceof AgentCall)) void wakes.result(task, result);
    else if (!task.result(result)) links.end(link, "overrun");
  }
}
