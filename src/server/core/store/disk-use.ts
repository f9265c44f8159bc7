import { statfsSync } from "node:fs";
import type { Gauges } from "../gauges.ts";
import type { Store } from "./types.ts";

/** The space that the database takes. */
export class DiskUse {
  readonly #store: Pick<Store, "size" | "logBytes">;
  readonly #folder: string | undefined;
  /** Size of the database in bytes at the last look, without the write-ahead log of SQLite. */
  bytes: number | undefined;

  /** @param folder is on the disk of the database, if that is a disk of this machine */
  constructor(store: Pick<Store, "size" | "logBytes">, folder: string | undefined) {
    this.#store = store;
    this.#folder = folder;
  }

  /** Asks the database for its size. */
  async refresh(): Promise<void> {
    this.bytes = await this.#store.size();
  }

  /** Size of SQLite's write-ahead log in bytes; undefined on PostgreSQL. */
  get logBytes(): number | undefined {
    return this.#store.logBytes();
  }

  /** Bytes that are free for this user on the disk of the database; undefined if it is not a disk of this machine. */
  get freeBytes(): number | undefined {
    if (this.#folder === undefined) return undefined;
    try {
      const { bavail, bsize } = statfsSync(this.#folder);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  }

  register(gauges: Gauges): void {
    gauges.gauge("mcpctl_database_bytes", "Size of the database", () => this.bytes ?? 0);
    if (this.freeBytes !== undefined)
      gauges.gauge(
        "mcpctl_disk_free_bytes",
        "Free space on the disk of the database",
        () => this.freeBytes ?? 0,
      );
  }
}
