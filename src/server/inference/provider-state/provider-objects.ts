import { createHash } from "node:crypto";
import { idOfPersonal, type Principal } from "../../core/access/policy.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { storeFailure } from "../../core/store/store-failure.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import { type ProviderObject, type Store, StoreError } from "../../core/store/types.ts";
import { dayMilliseconds } from "../../core/store/usage.ts";
import { mayRun } from "../pools/resolve.ts";

/** OpenAI deletes answers after 30 days: https://developers.openai.com/api/docs/guides/your-data */
const lifetimes = { response: 30 * dayMilliseconds, conversation: 365 * dayMilliseconds };

/** The objects that are remembered beside the database, and so found at once. */
const mostRecent = 10_000;

export type ObjectsStore = Pick<
  Store,
  | "putProviderObject"
  | "providerObject"
  | "deleteProviderObject"
  | "pendingProviderObjects"
  | "bookProviderObject"
>;

/** An id of a provider's object. Other texts are not sent to the database. */
const objectId = /^[\w-]{1,200}$/;

/**
 * The answers and conversations that providers keep. Each belongs to the user or token that made it, and to the url and
 * key of the llm that it was made with: nobody else can name it, and it is sent nowhere else (T132).
 */
export class ProviderObjects {
  readonly #store: ObjectsStore;
  readonly #now: () => number;
  /** The oldest first. Their rows may not be written yet. */
  readonly #recent = new Map<string, ProviderObject>();

  /** The tokens that answers and conversations had at their last call here. The oldest first. */
  readonly #tokens = new Map<string, number>();

  /** @param now milliseconds since 1970 */
  constructor(store: ObjectsStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * Stores an object. It is found at once, and after a restart once this has resolved.
   *
   * @param owner the id of the user or token by `personalIds`, here and below
   * @param pending the call of an answer that runs in the background, for `unbooked` after a restart
   * @throws AppError `storage_full` or `unavailable`
   */
  async keep(
    owner: string,
    id: string,
    llm: LlmRow,
    type: keyof typeof lifetimes,
    pending: string | null = null,
  ): Promise<void> {
    if (!objectId.test(id)) return;
    const at = this.#now();
    const expiresAt = at + lifetimes[type];
    const ownerId = idOfPersonal(owner);
    const object = { ownerId, id, llmId: llm.id, place: placeOf(llm, owner), at, expiresAt, pending };
    const key = keyOfObject(owner, id);
    this.#recent.delete(key);
    this.#recent.set(key, object);
    if (this.#recent.size > mostRecent) this.#recent.delete(this.#recent.keys().next().value!);
    await stored(this.#store.putProviderObject(object));
  }

  /** Returns the one of some llms that holds an object of an owner; undefined if none does. Throws AppError. */
  async holder(owner: string, id: string, llms: readonly LlmRow[]): Promise<LlmRow | undefined> {
    if (!objectId.test(id)) return undefined;
    const object =
      this.#recent.get(keyOfObject(owner, id)) ??
      (await stored(this.#store.providerObject(idOfPersonal(owner), id)));
    if (!object || object.expiresAt <= this.#now()) return undefined;
    return llms.find(
      (llm) => llm.id === object.llmId && placeOf(llm, owner) === object.place && keepsState(llm),
    );
  }

  /** Notes the tokens of an object: a call that goes on with it pays for them again. */
  measure(owner: string, id: string, tokens: number): void {
    const key = keyOfObject(owner, id);
    this.#tokens.delete(key);
    this.#tokens.set(key, tokens);
    if (this.#tokens.size > mostRecent) this.#tokens.delete(this.#tokens.keys().next().value!);
  }

  /** Returns the tokens of an object; 0 for one that was not called at this server since its start. */
  tokensOf(owner: string, id: string): number {
    return this.#tokens.get(keyOfObject(owner, id)) ?? 0;
  }

  /** Returns the answers of an earlier run that are not booked yet, the oldest first. Throws AppError. */
  async unbooked(most: number): Promise<ProviderObject[]> {
    return (await stored(this.#store.pendingProviderObjects(most))).reverse();
  }

  /** Notes that an answer is booked. Returns false if it was booked before. Throws AppError. */
  book(owner: string, id: string): Promise<boolean> {
    return stored(this.#store.bookProviderObject(idOfPersonal(owner), id));
  }

  /** Forgets an object that was deleted at the provider. Throws AppError. */
  async forget(owner: string, id: string): Promise<void> {
    this.#recent.delete(keyOfObject(owner, id));
    await stored(this.#store.deleteProviderObject(idOfPersonal(owner), id));
  }
}

/** True if an llm says that its provider keeps state for its callers. */
export function keepsState({ spec }: LlmRow): boolean {
  return spec.responses === "stateful";
}

const allWithState = oncePerObject((llms: readonly LlmRow[]) => llms.filter(keepsState));

/** Returns the llms that a principal may run and whose providers keep state. */
export function llmsWithState(snapshot: Snapshot, principal: Principal): LlmRow[] {
  return allWithState(snapshot.table("llm").sorted).filter((llm) => mayRun(principal, llm));
}

/**
 * Returns a text that changes with the url and the key of an llm: another account does not have its objects. It also changes
 * when somebody else gets in as the owner, who has none of the objects before (T360).
 */
function placeOf({ spec: { type, url, apiKeyRef } }: LlmRow, owner: string): string {
  const handedOver = owner === idOfPersonal(owner) ? [] : [owner];
  const text = JSON.stringify([type, url, apiKeyRef?.name, apiKeyRef?.key, ...handedOver]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

function keyOfObject(owner: string, id: string): string {
  return `${owner} ${id}`;
}

/** Returns the result of the store. Throws AppError if the store refuses. */
async function stored<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof StoreError ? storeFailure(error) : error;
  }
}
