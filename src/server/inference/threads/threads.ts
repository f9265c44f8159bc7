import { AppError } from "../../../errors.ts";
import { isId } from "../../../kinds/names.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { storeFailure } from "../../core/store/store-failure.ts";
import { type Row, type Store, StoreError, type Thread } from "../../core/store/types.ts";

/** A message of the chat dialect. */
export type Message = Record<string, unknown>;

const mostThreads = 1000;
const mostMessages = 2000;
/** Of a thread's messages, as JSON. */
const mostCharacters = 8 * 1024 * 1024;

/** A thread as its owner sees it. */
export interface ShownThread {
  id: string;
  /** The persona's name; null where that is not to be seen any more. */
  agent: string | null;
  title: string;
  createdAt: string;
  updatedAt: string;
}

/** One turn in a thread, from the caller's words to the whole answer. */
export interface Turn {
  /** What was said before. */
  readonly before: readonly Message[];
  /** Adds the caller's words and the answer, both or neither. Throws AppError. */
  keep(answer: Message): Promise<void>;
  /** Lets the next turn begin. May be called again. */
  end(): void;
}

interface ThreadsOf {
  store: Store;
  snapshot(): Snapshot;
  now(): number;
  random: Random;
}

/**
 * Conversations of users with personas. A thread is its owner's and nobody else's, administrators included: to others
 * it does not exist.
 */
export class Threads {
  readonly #of: ThreadsOf;
  /** Threads in which an answer is being given. */
  readonly #spokenIn = new Set<string>();

  constructor(of: ThreadsOf) {
    this.#of = of;
  }

  /** Begins a thread with a persona. Throws AppError `conflict` when somebody has too many. */
  async begin(principal: Principal, agent: Row, title: string): Promise<ShownThread> {
    const { store, now, random } = this.#of;
    const ownerId = principal.userId;
    const own = await asked(store.threads(ownerId));
    if (own.length >= mostThreads)
      throw new AppError("conflict", `you have ${mostThreads} threads`, { hint: "delete some" });
    const at = now();
    const id = newId("thr", at, random);
    const thread = { id, agentId: agent.id, ownerId, title, createdAt: at, updatedAt: at };
    await asked(store.addThread(thread));
    return this.#shown(principal, thread);
  }

  /** Somebody's own threads, those last spoken in first; with one persona, where it is given. */
  async list(principal: Principal, agentId?: string): Promise<ShownThread[]> {
    const own = await asked(this.#of.store.threads(principal.userId, agentId));
    return own
      .filter((thread) => this.#isOf(principal, thread))
      .map((thread) => this.#shown(principal, thread));
  }

  /** One thread with what was said in it. Throws AppError `not_found`. */
  async read(principal: Principal, id: string): Promise<ShownThread & { messages: Message[] }> {
    const thread = await this.#find(principal, id);
    return { ...this.#shown(principal, thread), messages: await asked(this.#of.store.threadMessages(id)) };
  }

  /** Throws AppError `not_found`. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.#find(principal, id);
    await asked(this.#of.store.deleteThread(id));
  }

  /**
   * Begins a turn: until it ends, no other begins in this thread.
   *
   * @throws AppError `not_found` where the caller has no such thread with this persona; `conflict` when a turn is under
   *   way, or the thread is full
   */
  async turn(principal: Principal, agent: Row, id: string, said: readonly Message[]): Promise<Turn> {
    const thread = await this.#find(principal, id);
    if (thread.agentId !== agent.id) throw notFound(id);
    if (this.#spokenIn.has(id))
      throw new AppError("conflict", "an answer is being given in this thread", {
        hint: "wait for its end, or begin another thread",
      });
    this.#spokenIn.add(id);
    const end = () => void this.#spokenIn.delete(id);
    try {
      const before = await asked(this.#of.store.threadMessages(id));
      const characters = JSON.stringify([...before, ...said]).length;
      if (before.length + said.length >= mostMessages || characters > mostCharacters)
        throw new AppError("conflict", "this thread is full", { hint: "begin another one" });
      const keep = async (answer: Message) => {
        const { store, now } = this.#of;
        if (!(await asked(store.appendToThread(id, [...said, answer], now())))) throw notFound(id);
      };
      return { before, keep, end };
    } catch (error) {
      end();
      throw error;
    }
  }

  async #find(principal: Principal, id: string): Promise<Thread> {
    // What is no id is none of a thread, and need not be text that the database takes.
    const thread = isId(id) ? await asked(this.#of.store.thread(id)) : null;
    if (!thread || !this.#isOf(principal, thread)) throw notFound(id);
    return thread;
  }

  /** A token sees its maker's threads with personas that it may run, and no others. */
  #isOf(principal: Principal, { ownerId, agentId }: Thread): boolean {
    if (ownerId !== principal.userId) return false;
    if (principal.kind === "User") return true;
    const agent = this.#of.snapshot().byId.get(agentId);
    return agent !== undefined && decide(principal, "run", "agents", agent.name, agent) === "allow";
  }

  #shown(principal: Principal, { id, agentId, title, createdAt, updatedAt }: Thread): ShownThread {
    const agent = this.#of.snapshot().byId.get(agentId);
    return {
      id,
      agent: agent && isVisible(principal, "agents", agent) ? agent.name : null,
      title,
      createdAt: new Date(createdAt).toISOString(),
      updatedAt: new Date(updatedAt).toISOString(),
    };
  }
}

/** What the store answers. Throws AppError where it refuses. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof StoreError ? storeFailure(error) : error;
  }
}

function notFound(id: string): AppError {
  return new AppError("not_found", `thread "${id}" not found`);
}
