import { Snapshot } from "../store/snapshot.ts";
import type { Change, Contents, Row, Store, Write } from "../store/types.ts";
import { inCurrentForm } from "./llm-settings.ts";

/** One row that changed: as it was, as it is. At least one of them is there. */
export interface RowChange {
  revision: number;
  kind: string;
  before: Row | undefined;
  after: Row | undefined;
}

/** Hears what has changed; null when that is too much to say. */
type Listener = (changes: readonly RowChange[] | null) => void;

const batch = 1000;

/** How many changes are remembered for watchers that come back. */
const remembered = 4096;

/**
 * The live view of the store. Everything that reads, reads `snapshot`; everything that writes, writes through
 * `commit`, which returns when the snapshot holds what was written.
 */
export class Catalogue {
  readonly store: Store;
  #snapshot: Snapshot;
  #refreshing: Promise<void> | undefined;
  readonly #recent: RowChange[] = [];
  /** Changes after this revision are all in `#recent`. */
  #recentSince: number;
  readonly #listeners = new Set<Listener>();
  readonly #stopDoorbell: () => void;

  private constructor(store: Store, snapshot: Snapshot, onError: (error: unknown) => void) {
    this.store = store;
    this.#snapshot = snapshot;
    this.#recentSince = snapshot.revision;
    this.#stopDoorbell = store.onDoorbell(() => this.refresh().catch(onError));
  }

  /** Loads all there is. `onError` hears of refreshes that failed on another server's change. */
  static async open(store: Store, onError: (error: unknown) => void): Promise<Catalogue> {
    return new Catalogue(store, new Snapshot(current(await store.load())), onError);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Writes all or nothing, and brings the snapshot up to date. Throws StoreError. */
  async commit(writes: readonly Write[]): Promise<void> {
    const revision = await this.store.commit(writes);
    // A refresh that is under way may have read before this commit.
    while (this.#snapshot.revision < revision) await this.refresh();
  }

  /** Takes in what has been written since, by anybody. One at a time. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Calls back after each swap of the snapshot. Returns how to stop. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Row changes after a revision, or null when they are no longer known. */
  changesSince(revision: number): readonly RowChange[] | null {
    if (revision < this.#recentSince || revision > this.#snapshot.revision) return null;
    return this.#recent.filter((change) => change.revision > revision);
  }

  close(): void {
    this.#stopDoorbell();
    this.#listeners.clear();
  }

  async #refresh(): Promise<void> {
    for (;;) {
      const changes = await this.store.changesSince(this.#snapshot.revision, batch);
      if (changes === null) return this.#reload();
      if (changes.length === 0) return;
      this.#swap(this.#snapshot.after(changes, current(await this.store.loadSome(changes))), changes);
      if (changes.length < batch) return;
    }
  }

  /** Too far behind: start over. Watchers are told to list again. */
  async #reload(): Promise<void> {
    this.#snapshot = new Snapshot(current(await this.store.load()), this.#snapshot.volatile);
    this.#recent.length = 0;
    this.#recentSince = this.#snapshot.revision;
    for (const listener of this.#listeners) listener(null);
  }

  #swap(next: Snapshot, changes: readonly Change[]): void {
    const before = this.#snapshot;
    this.#snapshot = next;
    const rows = new Map<string, RowChange>();
    for (const { id, revision } of changes) {
      const [was, is] = [before.byId.get(id), next.byId.get(id)];
      if (was === is || (was && is && was.version === is.version)) continue;
      rows.delete(id);
      rows.set(id, { revision, kind: (is ?? was)!.kind, before: was, after: is });
    }
    const changed = [...rows.values()];
    this.#recent.push(...changed);
    while (this.#recent.length > remembered) this.#recentSince = this.#recent.shift()!.revision;
    for (const listener of this.#listeners) listener(changed);
  }
}

/** The same contents with every row in the form that this version writes. */
function current<C extends Pick<Contents, "rows">>(contents: C): C {
  return { ...contents, rows: contents.rows.map(inCurrentForm) };
}
