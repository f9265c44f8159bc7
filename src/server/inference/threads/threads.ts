import { AppError } from "../../../errors.ts";
import { isId } from "../../../kinds/names.ts";
import { eachInTurns, TurnPace } from "../../../wire/next-turn.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import type { Quotas } from "../../core/access/quotas.ts";
import { standing } from "../../core/access/standing.ts";
import { isGivenOut } from "../../core/access/token-rights.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { storeFailure } from "../../core/store/store-failure.ts";
import { type Row, type Store, StoreError, type Thread } from "../../core/store/types.ts";

/** A message of the chat dialect. */
export type ChatMessage = Record<string, unknown>;

/** The most messages of a thread. */
const maxMessages = 2000;
/** The most characters of the messages of a thread, as JSON. */
const maxCharacters = 8 * 1024 * 1024;
const megabyte = 1024 * 1024;

/** A thread as its owner sees it. */
export interface ThreadView {
  id: string;
  /** The persona's name; null if the owner may no longer see the persona. */
  agent: string | null;
  title: string;
  createdAt: string;
  updatedAt: string;
}

/** One turn in a thread: the caller's new messages and the complete response. */
export interface ThreadTurn {
  /** The messages before this turn. */
  readonly history: readonly ChatMessage[];
  /** Saves the caller's messages and those of the response, all or none. Throws AppError. */
  save(response: readonly ChatMessage[]): Promise<void>;
  /** Ends the turn, so that the next one can begin. May be called again. */
  end(): void;
}

interface ThreadsOptions {
  store: Store;
  snapshot(): Snapshot;
  quotas: Quotas;
  now(): number;
  random: Random;
}

/**
 * Conversations of users with personas. A thread exists only for its owner: nobody else can see it, administrators
 * included, also not while acting as the owner or with a token that they made for the owner (T266).
 */
export class Threads {
  readonly #options: ThreadsOptions;
  /** Ids of the threads that have a turn. */
  readonly #busy = new Set<string>();

  constructor(options: ThreadsOptions) {
    this.#options = options;
  }

  /** Creates a thread with a persona. Throws AppError `conflict` if the user has too many threads. */
  async create(principal: Principal, persona: Row, title: string): Promise<ThreadView> {
    refuseActing(principal);
    const { store, snapshot, now, random } = this.#options;
    const ownerId = principal.userId;
    const { quotas } = this.#options;
    const release = await quotas.reserveCounted(
      principal,
      () => stored(store.threadUse(ownerId)),
      (has) => quotas.reserve(snapshot(), principal, "threads", has.threads),
    );
    const at = now();
    const id = newId("thr", at, random);
    const thread = { id, agentId: persona.id, ownerId, title, createdAt: at, updatedAt: at };
    await stored(store.addThread(thread, ...standing(principal))).finally(release);
    return this.#view(principal, thread);
  }

  /** The threads of a user, the last used first. `personaId` limits them to one persona. */
  async list(principal: Principal, personaId?: string): Promise<ThreadView[]> {
    refuseActing(principal);
    const own = await stored(this.#options.store.threads(principal.userId, personaId));
    const shown: ThreadView[] = [];
    await eachInTurns(own, (thread) => {
      if (this.#isVisible(principal, thread)) shown.push(this.#view(principal, thread));
    });
    return shown;
  }

  /** Returns one thread with its messages. Throws AppError `not_found`. */
  async read(principal: Principal, id: string): Promise<ThreadView & { messages: ChatMessage[] }> {
    const thread = await this.#find(principal, id);
    return {
      ...this.#view(principal, thread),
      messages: await stored(this.#options.store.threadMessages(id)),
    };
  }

  /** Throws AppError `not_found`. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.#find(principal, id);
    const { store } = this.#options;
    await stored(store.deleteDependents({ kind: "thread", id }));
    await stored(store.deleteThread(id));
  }

  /**
   * Begins a turn. Until it ends, no other turn can begin in this thread.
   *
   * @param messages the new messages of the caller
   * @throws AppError `not_found` if the caller has no such thread with this persona; `conflict` if another turn has not
   *   ended, the thread is full, or the user's threads are
   */
  async beginTurn(
    principal: Principal,
    persona: Row,
    id: string,
    messages: readonly ChatMessage[],
  ): Promise<ThreadTurn> {
    const thread = await this.#find(principal, id);
    if (thread.agentId !== persona.id) throw notFound(id);
    if (this.#busy.has(id))
      throw new AppError("conflict", "another response is being written in this thread", {
        hint: "wait until it is complete, or begin another thread",
      });
    this.#busy.add(id);
    let release = () => {};
    const end = () => {
      this.#busy.delete(id);
      release();
      release = () => {};
    };
    try {
      const history = await stored(this.#options.store.threadMessages(id));
      let characters = 2;
      const count = (message: ChatMessage) => {
        characters += JSON.stringify(message).length + 1;
      };
      await eachInTurns([...history, ...messages], count, new TurnPace(), 4);
      if (history.length + messages.length >= maxMessages || characters > maxCharacters)
        throw new AppError("conflict", "this thread is full", { hint: "begin another one" });
      release = await this.#reserve(principal, messages);
      const save = async (response: readonly ChatMessage[]) => {
        const { store, now } = this.#options;
        if (!(await stored(store.appendToThread(id, [...messages, ...response], now())))) throw notFound(id);
      };
      return { history, save, end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Reserves room for the messages of a caller. The response is known when it is paid for, and is saved. */
  #reserve(principal: Principal, messages: readonly ChatMessage[]): Promise<() => void> {
    const { store, snapshot, quotas } = this.#options;
    const bytes = messages.reduce((sum, message) => sum + Buffer.byteLength(JSON.stringify(message)), 0);
    // In whole kilobytes, of which sums are exact.
    const adding = Math.ceil(bytes / 1024) / 1024;
    return quotas.reserveCounted(
      principal,
      () => stored(store.threadUse(principal.userId)),
      (has) => quotas.reserve(snapshot(), principal, "threadMegabytes", has.bytes / megabyte, adding),
    );
  }

  async #find(principal: Principal, id: string): Promise<Thread> {
    refuseActing(principal);
    // A text that is not an id is not sent to the database, which does not take every text.
    const thread = isId(id) ? await stored(this.#options.store.thread(id)) : null;
    if (!thread || !this.#isVisible(principal, thread)) throw notFound(id);
    return thread;
  }

  /** A token sees the threads of its maker with the personas that it may run. */
  #isVisible(principal: Principal, { ownerId, agentId }: Thread): boolean {
    if (ownerId !== principal.userId) return false;
    if (principal.kind === "User") return true;
    const snapshot = this.#options.snapshot();
    if (isGivenOut(snapshot, principal)) return false;
    const persona = snapshot.byId.get(agentId);
    return persona !== undefined && decide(principal, "run", "agents", persona.name, persona) === "allow";
  }

  #view(principal: Principal, { id, agentId, title, createdAt, updatedAt }: Thread): ThreadView {
    const persona = this.#options.snapshot().byId.get(agentId);
    return {
      id,
      agent: persona && isVisible(principal, "agents", persona) ? persona.name : null,
      title,
      createdAt: new Date(createdAt).toISOString(),
      updatedAt: new Date(updatedAt).toISOString(),
    };
  }
}

/** Throws AppError `forbidden` in an impersonation. */
function refuseActing({ impersonator }: Principal): void {
  if (impersonator)
    throw new AppError("forbidden", "the threads of a user cannot be used while acting as that user");
}

/** Returns the result of the store. Throws AppError if the store refuses. */
async function stored<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof StoreError ? storeFailure(error) : error;
  }
}

function notFound(id: string): AppError {
  return new AppError("not_found", `thread "${id}" not found`);
}
