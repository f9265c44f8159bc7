import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import { RowWrites } from "../../core/catalogue/row-writes.ts";
import { newId, type Random } from "../../core/ids.ts";
import type { InstanceStatus, McpServerStatus } from "../../core/store/mcp-status.ts";
import type { InstanceRow, McpServerRow } from "../../core/store/typed-rows.ts";
import type { Row, Write } from "../../core/store/types.ts";

export interface RowStatusesOptions {
  catalogue: Catalogue;
  now(): number;
  random: Random;
  onError(error: unknown): void;
}

/** The row that an instance is to have. */
interface WantedInstance {
  serverId: string;
  name: string;
  /** True if the name belongs to this node by a lease: the row of another node is one from before. */
  isOwn: boolean;
  status: InstanceStatus;
}

/** Milliseconds between two commits, so that many starts and ends are few commits. */
const gatherTime = 50;

/**
 * Keeps the rows of servers and instances as their processes are. A change of an instance is written soon after, together
 * with the others of that time. What changes all the time (memory, last use) is in no row.
 */
export class RowStatuses {
  readonly #options: RowStatusesOptions;
  readonly #writes: RowWrites;
  /** Rows that are to be there, by id; undefined for one that is to be deleted. Only those that may not be so yet. */
  readonly #dirty = new Map<string, WantedInstance | undefined>();
  readonly #known = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RowStatusesOptions) {
    this.#options = options;
    this.#writes = new RowWrites(options.catalogue);
  }

  /** Returns the id of a new row of an instance. */
  newId(): string {
    return newId("ins", this.#options.now(), this.#options.random);
  }

  /** Sets what the row of an instance is to say. */
  set(id: string, wanted: WantedInstance): void {
    this.#known.add(id);
    this.#dirty.set(id, wanted);
    this.#flushSoon();
  }

  /** Deletes the row of an instance, if it is there. */
  remove(id: string): void {
    if (!this.#known.delete(id)) return;
    this.#dirty.set(id, undefined);
    this.#flushSoon();
  }

  /** Forgets a row that somebody else has deleted. Returns false if it was to be deleted. */
  forget(id: string): boolean {
    this.#dirty.delete(id);
    return this.#known.delete(id);
  }

  /**
   * Changes the status of a server.
   *
   * @param change returns the new status, or the old one for no change; it is called again if another write came first
   * @returns when it is written, or the server is gone
   */
  async change(serverId: string, change: (row: McpServerRow) => McpServerStatus): Promise<void> {
    const { catalogue, now } = this.#options;
    await this.#writes.commit(() => {
      const row = catalogue.snapshot.byId.get(serverId) as (McpServerRow & Row) | undefined;
      if (!row) return [];
      const status = change(row);
      if (Bun.deepEquals(status, row.status)) return [];
      return [updated(catalogue, row, { ...row, status }, now())];
    });
  }

  /** Deletes the rows that an earlier run of this node has left. */
  async removeOf(node: string): Promise<void> {
    const { catalogue } = this.#options;
    await this.#writes.commit(() =>
      catalogue.snapshot
        .table("instance")
        .sorted.filter(({ status }) => status.node === node)
        .map(({ id, version }) => ({ op: "delete", id, version })),
    );
  }

  /** Writes what is to be written. Never throws. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writes.inTurn(async () => {
      const batch = new Map(this.#dirty);
      this.#dirty.clear();
      if (batch.size === 0) return;
      try {
        await this.#writes.commit(() => [...batch].flatMap(([id, wanted]) => this.#plan(id, wanted)));
      } catch (error) {
        // The next change writes these as well.
        for (const [id, wanted] of batch) if (!this.#dirty.has(id)) this.#dirty.set(id, wanted);
        this.#options.onError(error);
      }
    });
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => void this.flush(), gatherTime);
  }

  #plan(id: string, wanted: WantedInstance | undefined): Write[] {
    const { catalogue, now } = this.#options;
    const row = catalogue.snapshot.byId.get(id) as (InstanceRow & Row) | undefined;
    if (!wanted) return row ? [{ op: "delete", id, version: row.version }] : [];
    const server = catalogue.snapshot.byId.get(wanted.serverId);
    if (!server) return [];
    const { owner, visibility } = server;
    const at = now();
    const { name, status } = wanted;
    if (!row) {
      // Deleted by somebody else: the instance is told, and gets another row.
      if (!this.#known.has(id)) return [];
      const fresh = { id, kind: "instance", scope: "", name, owner, visibility, spec: {}, status };
      const old = catalogue.snapshot.named("instance", name) as (InstanceRow & Row) | undefined;
      const isForeign = old !== undefined && old.status.node !== status.node;
      // Two nodes that chose one name at the same time: the first one keeps it.
      if (isForeign && !wanted.isOwn) return [];
      return [
        ...(isForeign ? [{ op: "delete" as const, id: old.id, version: old.version }] : []),
        { op: "insert", row: { ...fresh, version: 1, createdAt: at, updatedAt: at }, refs: [] },
      ];
    }
    const next = { ...row, owner, visibility, status };
    const isSame = Bun.deepEquals(row.status, status) && row.visibility === visibility && row.owner === owner;
    return isSame ? [] : [updated(catalogue, row, next, at)];
  }
}

function updated({ snapshot }: Catalogue, before: Row, row: Row, at: number): Write {
  return {
    op: "update",
    row: { ...row, version: before.version + 1, updatedAt: at },
    refs: snapshot.refsOf(row.id),
  };
}
