import type { CopyRow, CopyTable } from "./tables.ts";

/** The database as it was at one moment, for a backup. Writes go on meanwhile. */
export interface StoreCopy {
  /** Yields the rows of a table in batches, each row as a line of JSON. */
  lines(table: CopyTable): AsyncIterable<readonly string[]>;
  close(): Promise<void>;
}

/** A row of `resources` that stands in the way of a restore, or is in its way no more. */
export interface ExistingRow {
  id: string;
  kind: string;
  scope: string;
  name: string;
  owner: string | null;
  version: number;
  /** The server made it at its first start. */
  isBuiltIn: boolean;
  /** The default secret backend. */
  isDefault: boolean;
  externalRef: string | null;
}

/** What happens where a row of the same key stands already. */
export type OnConflict = "refuse" | "replace" | "keep";

/** A transaction that fills tables. Nothing else can write meanwhile, and all of it happens or nothing. */
export interface StoreFill {
  existing(): Promise<ExistingRow[]>;
  /** Adds rows, which all have the same columns. Returns the number of those that were added or replaced. */
  put(table: CopyTable, rows: readonly CopyRow[], onConflict: OnConflict): Promise<number>;
  /** Deletes all rows of a table, or those that have one of some values in a column. */
  remove(table: CopyTable, column?: string, values?: readonly string[]): Promise<void>;
  /** Returns the number of the newest row of the audit log. */
  lastEvent(): Promise<number>;
  /** Gives the events up to a row new numbers behind all others. The log is in the order of time. */
  moveEvents(upTo: number): Promise<void>;
}

/** The part of a store that copies all of it, and fills it. */
export interface CopyQueries {
  /** The name of the last migration: both dialects have the same one. */
  readonly migration: string;
  /** The names of all migrations, oldest first. */
  readonly migrations: readonly string[];
  copy(): Promise<StoreCopy>;
  /**
   * Runs work in one transaction, and tells all servers on the database to read it anew.
   *
   * @param isKept false to undo everything in the end
   */
  fill<T>(work: (fill: StoreFill) => Promise<T>, isKept: boolean): Promise<T>;
}
