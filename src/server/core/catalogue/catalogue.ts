import { kinds } from "../../../kinds/index.ts";
import { mcpServer } from "../../../kinds/mcp-server.ts";
import { eachInTurns, nextTurn, TurnPace } from "../../../wire/next-turn.ts";
import { type Doomed, hasLargeDependents } from "../store/dependents.ts";
import { Snapshot, type VolatileState } from "../store/snapshot.ts";
import { type Table, tableInTurns } from "../store/tables.ts";
import { type Change, type Contents, type Row, type Store, StoreError, type Write } from "../store/types.ts";
import { inCurrentForm } from "./llm-settings.ts";

/** A change of one row: the row before and after it. At least one of the two exists. */
export interface RowChange {
  revision: number;
  kind: string;
  before: Row | undefined;
  after: Row | undefined;
}

/** Receives the rows that have changed; null where they are too many to tell. */
type Listener = (changes: readonly RowChange[] | null) => void;

/** The rows, credentials and sessions of some changes as they are after the last of them. */
export type ChangedContents = Omit<Contents, "revision">;

/** A copy of the catalogue elsewhere in this process, which is told everything that the catalogue takes over. */
export interface CatalogueFollower {
  changed(changes: readonly Change[], now: ChangedContents): void;
  /** Everything was loaded again. */
  reloaded(contents: Contents): void;
  /** Resolves when the copy has all changes up to a revision, or there is no copy any more. */
  reached(revision: number): Promise<void>;
}

const batch = 1000;

/** The newest changes that are kept in memory for watchers that connect again. */
const remembered = 4096;

/**
 * The live view of the store. Readers read `snapshot`. Writers write through `commit`, which returns when the snapshot
 * contains the write.
 */
export class Catalogue {
  readonly store: Store;
  #snapshot: Snapshot;
  #refreshing: Promise<void> | undefined;
  readonly #recent: RowChange[] = [];
  /** `#recent` has all changes after this revision. */
  #recentSince: number;
  readonly #listeners = new Set<Listener>();
  readonly #followers = new Set<CatalogueFollower>();
  readonly #stopDoorbell: () => void;
  readonly #onError: (error: unknown) => void;

  private constructor(store: Store, snapshot: Snapshot, onError: (error: unknown) => void) {
    this.store = store;
    this.#snapshot = snapshot;
    this.#recentSince = snapshot.revision;
    this.#onError = onError;
    this.#stopDoorbell = store.onDoorbell(() => this.refresh().catch(onError));
  }

  /**
   * Loads the store. `onError` gets the errors of refreshes that another server's change caused, and of deletions that follow
   * that of a row.
   */
  static async open(store: Store, onError: (error: unknown) => void): Promise<Catalogue> {
    return new Catalogue(store, await snapshotOf(await store.load()), onError);
  }

  /** Makes a copy of a catalogue from its contents; `apply` and `replace` keep it up to date. */
  static async copyOf(contents: Contents, store: Store): Promise<Catalogue> {
    return new Catalogue(store, await snapshotOf(contents), () => {});
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /**
   * Applies writes in one transaction, and updates the snapshot and those of followers. What is large and goes away with a
   * row is deleted after it, in steps; that of a user who stays, before. Throws StoreError if nothing was written.
   */
  async commit(given: readonly Write[]): Promise<void> {
    const writes = given.map((write) => this.#buried(write));
    await this.#deleteBefore(writes);
    const revision = await this.store.commit(writes);
    // To read a row of megabytes again takes as long as to write it (T364). All others are seen in the turn of their write.
    if (writes.some((write) => "row" in write && write.row.kind === mcpServer.kind)) await nextTurn();
    // A refresh that began before this commit may not contain it.
    while (this.#snapshot.revision < revision) await this.refresh();
    for (const follower of this.#followers) await follower.reached(revision);
    // It is deleted for everybody. What is left of it after a failure, the upkeep deletes.
    if (writes.some(({ op }) => op === "bury")) await this.store.deleteBuried().catch(this.#onError);
  }

  /** Returns the write that deletes a row, of which large things may have to be deleted, as one that buries it. */
  #buried(write: Write): Write {
    if (write.op !== "delete") return write;
    const row = this.#snapshot.byId.get(write.id);
    return row && hasLargeDependents(row.kind) ? { ...write, op: "bury" } : write;
  }

  /** Deletes the large things of users who stay, such as for another password, unless the writes would be refused. */
  async #deleteBefore(writes: readonly Write[]): Promise<void> {
    const doomed = writes.filter(({ op }) => op === "deleteThreadsOf" || op === "deleteTasksOf") as Doomed[];
    if (doomed.length === 0) return;
    await this.refresh();
    for (const write of writes)
      if (write.op === "update" && this.#snapshot.byId.get(write.row.id)?.version !== write.row.version - 1)
        throw new StoreError("stale");
    for (const one of doomed) await this.store.deleteDependents(one);
  }

  /** Tells a follower all changes from now on. Returns a function that ends it. */
  addFollower(follower: CatalogueFollower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Takes over changes that the catalogue of which this is a copy has taken over. Those that are known do nothing. */
  apply(changes: readonly Change[], now: ChangedContents): void {
    if (changes.at(-1)!.revision > this.#snapshot.revision) this.#take(changes, now);
  }

  /** Takes over everything that the catalogue of which this is a copy has loaded again. */
  async replace(contents: Contents): Promise<void> {
    this.#forget(await snapshotOf(contents, this.#snapshot.volatile));
  }

  /** Updates the snapshot with all changes since, also those of other servers. Joins a refresh that is under way. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Calls a listener after each swap of the snapshot. Returns a function that unsubscribes. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns the row changes after a revision, or null if they are no longer in memory. */
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
      this.#take(changes, await this.store.loadSome(changes));
      if (changes.length < batch) return;
      await nextTurn();
    }
  }

  /** Loads everything again, because the changes since are pruned. Watchers must list again. */
  async #reload(): Promise<void> {
    await nextTurn();
    const contents = await this.store.load();
    const next = await snapshotOf(contents, this.#snapshot.volatile);
    for (const follower of this.#followers) follower.reloaded(contents);
    this.#forget(next);
  }

  /** Goes on with another snapshot, of which it is not known how it differs. */
  #forget(next: Snapshot): void {
    this.#snapshot = next;
    this.#recent.length = 0;
    this.#recentSince = next.revision;
    for (const listener of this.#listeners) listener(null);
  }

  #take(changes: readonly Change[], now: ChangedContents): void {
    for (const follower of this.#followers) follower.changed(changes, now);
    this.#swap(this.#snapshot.after(changes, current(now)), changes);
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

/**
 * Makes a snapshot of everything. A database in a file answers in the turn in which it is asked, and tens of thousands of
 * rows take tens of milliseconds to read, to bring into form, to index and to sort: each has turns of its own (T338).
 */
async function snapshotOf(contents: Contents, volatile?: VolatileState): Promise<Snapshot> {
  const pace = new TurnPace();
  const rows: Row[] = [];
  await eachInTurns(contents.rows, (row) => rows.push(inCurrentForm(row)), pace);
  await nextTurn();
  const byKind = Map.groupBy(rows, ({ kind }) => kind);
  const tables = new Map<string, Table>();
  for (const { kind } of kinds) tables.set(kind, await tableInTurns(byKind.get(kind) ?? []));
  await nextTurn();
  return new Snapshot({ ...contents, rows }, volatile, undefined, tables);
}

/** Returns contents with every row in the form that this version writes. */
function current<C extends Pick<Contents, "rows">>(contents: C): C {
  return { ...contents, rows: contents.rows.map(inCurrentForm) };
}
