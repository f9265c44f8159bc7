import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { newId, type Random } from "../core/ids.ts";
import { type Orphan, type Row, StoreError, type Write } from "../core/store/types.ts";
import type { Backends } from "./backends.ts";

/** Values that could not be deleted. */
export interface Undeleted {
  /** The backend's name. */
  backend: string;
  ref: string;
  error: unknown;
}

/** Age after which the ref of a write counts as left over: longer than any request lives. Milliseconds. */
const writeTime = 60 * 60 * 1000;

/**
 * Writes values to backends and deletes them. A backend does not take part in the transactions of the database. So a ref
 * is recorded as an orphan from before its values are written until a row adopts it, and again from the moment the row
 * gives it up until the values are deleted. Values that an interruption leaves are found by this record and deleted
 * later; nothing else is ever deleted.
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

  /** Writes values beside the present ones of a secret. Returns their ref, for the commit that adopts it. */
  async put(backend: Row, secretId: string, data: Readonly<Record<string, string>>): Promise<string> {
    const ref = `${secretId}/${newId("ver", this.#now(), this.#random)}`;
    await this.#catalogue.commit([this.#orphan(ref, backend.id, false)]);
    try {
      await this.#backends.driver(backend).write(ref, data);
    } catch (error) {
      // The values may have arrived. If they cannot be deleted now either, a sweep deletes them later.
      await this.discard(backend, ref).catch(() => {});
      throw error;
    }
    return ref;
  }

  /** Returns the write with which a row adopts a ref. */
  adopt(ref: string): Write {
    return { op: "adoptOrphan", ref };
  }

  /** Returns the write with which a row gives a ref up. `discard` follows after the commit. */
  letGo(backend: Row, ref: string): Write {
    return this.#orphan(ref, backend.id, true);
  }

  /** Deletes an orphan, unless a row has adopted it. If that fails, it stays on record. Throws the error. */
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

  /** Deletes the values that interrupted writes and deletes left. Returns the first failure of each backend. */
  async sweep(): Promise<Undeleted[]> {
    const old = this.#now() - writeTime;
    const all = await this.#catalogue.store.orphans();
    return this.#discardAll(all.filter(({ doomed, at }) => doomed || at < old));
  }

  /**
   * Does the same for one secret, with orphans of any age. A write that is under way finds its own orphan gone, and
   * starts again.
   */
  async sweepSecret(secretId: string): Promise<Undeleted[]> {
    const all = await this.#catalogue.store.orphans();
    return this.#discardAll(all.filter(({ ref }) => ref.startsWith(`${secretId}/`)));
  }

  /** Discards orphans. After a failure, the other orphans of that backend are left for the next time. */
  async #discardAll(orphans: readonly Orphan[]): Promise<Undeleted[]> {
    const failed = new Map<string, Undeleted>();
    for (const { ref, backendId } of orphans) {
      if (failed.has(backendId)) continue;
      const backend = this.#catalogue.snapshot.byId.get(backendId);
      try {
        if (backend) await this.discard(backend, ref);
        // Its backend is gone. Values of it in our own database must not stay for ever.
        else await this.#drop(ref);
      } catch (error) {
        failed.set(backendId, { backend: backend?.name ?? backendId, ref, error });
      }
    }
    return [...failed.values()];
  }

  /**
   * Deletes the values in our own database that have no backend, unless a row has adopted them: this server may not know a
   * backend yet that another one has made (failure mode 260).
   */
  async #drop(ref: string): Promise<void> {
    try {
      await this.#catalogue.commit([
        { op: "doomOrphan", ref },
        { op: "deleteSecretData", ref },
        { op: "dropOrphan", ref },
      ]);
    } catch (error) {
      if (!(error instanceof StoreError) || error.refusal !== "stale") throw error;
    }
  }

  #orphan(ref: string, backendId: string, doomed: boolean): Write {
    return { op: "addOrphan", orphan: { ref, backendId, doomed, at: this.#now() } };
  }
}
