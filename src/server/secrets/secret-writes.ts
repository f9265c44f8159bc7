import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { newId, type Random } from "../core/ids.ts";
import { type Orphan, type Row, StoreError, type Write } from "../core/store/types.ts";
import type { Backends } from "./backends.ts";

/** What is left on a backend, and why. */
export interface Undeleted {
  /** The backend's name. */
  backend: string;
  ref: string;
  error: unknown;
}

/** How long a write may take before its ref is taken for a leftover: longer than any request lives. Milliseconds. */
const writeTime = 60 * 60 * 1000;

/**
 * Puts values on backends and takes them off again. A backend is not in the database's transactions, so each ref is on
 * record as an orphan from before it is written until a row adopts it, and again from when the row lets go of it until
 * it is deleted: what an interruption leaves behind is found and deleted later, and nothing else ever is.
 */
export class SecretWrites {
  readonly #catalogue: Catalogue;
  readonly #backends: Backends;
  readonly #now: () => number;
  readonly #random: Random;

  constructor(catalogue: Catalogue, backends: Backends, now: () => number, random: Random) {
    this.#catalogue = catalogue;
    this.#backends = backends;
    this.#now = now;
    this.#random = random;
  }

  /** Puts values beside what the secret has. Returns their ref, for the commit that adopts it. */
  async put(backend: Row, secretId: string, data: Readonly<Record<string, string>>): Promise<string> {
    const ref = `${secretId}/${newId("ver", this.#now(), this.#random)}`;
    await this.#catalogue.commit([this.#orphan(ref, backend.id, false)]);
    try {
      await this.#backends.driver(backend).write(ref, data);
    } catch (error) {
      // Whether it arrived is not known. When it cannot be deleted now either, the sweep will.
      await this.discard(backend, ref).catch(() => {});
      throw error;
    }
    return ref;
  }

  /** For the commit in which a row takes a ref as its own. */
  adopt(ref: string): Write {
    return { op: "adoptOrphan", ref };
  }

  /** For the commit in which a row lets go of a ref; after it comes `discard`. */
  letGo(backend: Row, ref: string): Write {
    return this.#orphan(ref, backend.id, true);
  }

  /** Deletes an orphan; nothing when a row has it after all. Where that fails, it stays on record. */
  async discard(backend: Row, ref: string): Promise<void> {
    try {
      await this.#catalogue.commit([{ op: "doomOrphan", ref }]);
    } catch (error) {
      if (error instanceof StoreError && error.refusal === "stale") return;
      throw error;
    }
    await this.#backends.driver(backend).delete(ref);
    await this.#catalogue.commit([{ op: "dropOrphan", ref }]);
  }

  /** Deletes what interrupted writes and deletes left behind. Returns what could not be deleted first on each backend. */
  async sweep(): Promise<Undeleted[]> {
    const old = this.#now() - writeTime;
    const all = await this.#catalogue.store.orphans();
    return this.#discardAll(all.filter(({ doomed, at }) => doomed || at < old));
  }

  /**
   * The same for one secret, however young its orphans are: a write that is under way finds its own gone, and starts
   * again.
   */
  async sweepSecret(secretId: string): Promise<Undeleted[]> {
    const all = await this.#catalogue.store.orphans();
    return this.#discardAll(all.filter(({ ref }) => ref.startsWith(`${secretId}/`)));
  }

  /** Of a backend that fails, the rest has to wait for another time. */
  async #discardAll(orphans: readonly Orphan[]): Promise<Undeleted[]> {
    const failed = new Map<string, Undeleted>();
    for (const { ref, backendId } of orphans) {
      if (failed.has(backendId)) continue;
      const backend = this.#catalogue.snapshot.byId.get(backendId);
      try {
        if (backend) await this.discard(backend, ref);
        // Its backend is gone; whatever is left of it in our own database is not to stay for ever.
        else
          await this.#catalogue.commit([
            { op: "deleteSecretData", ref },
            { op: "dropOrphan", ref },
          ]);
      } catch (error) {
        failed.set(backendId, { backend: backend?.name ?? backendId, ref, error });
      }
    }
    return [...failed.values()];
  }

  #orphan(ref: string, backendId: string, doomed: boolean): Write {
    return { op: "addOrphan", orphan: { ref, backendId, doomed, at: this.#now() } };
  }
}
