/** A part of the database: the objects, values of secrets, and the records of what has happened. */
export type CopyPart = "catalogue" | "secrets" | "records";

/** A column whose values can go from one dialect to the other. Names are those of the database. */
export interface CopyColumn {
  name: string;
  type: "text" | "integer" | "boolean" | "json";
  canBeNull: boolean;
  hasDefault: boolean;
}

/** A table that goes into backups. A row of it is a JSON object of its columns. */
export interface CopyTable {
  name: string;
  part: CopyPart;
  columns: readonly CopyColumn[];
  /** The columns of the primary key; empty if the database numbers the rows. */
  key: readonly string[];
  /** The condition for rows that are in a backup; in both dialects. */
  where: string | undefined;
  /** The order of the rows, so that a backup of the same rows has the same bytes. */
  order: readonly string[];
  /** Columns with the ids of rows of `resources`. */
  ids: readonly string[];
  /** The column with the id of the resource that a row is a part of: it is restored with that resource or not at all. */
  partOf: string | undefined;
  /** True if the rows that stand there stay in every restore: they belong to records that stay. */
  stays: boolean;
}

/** A row of a table, by the names of its columns. */
export type CopyRow = Record<string, unknown>;

/** The database as it was at one moment, for a backup. Writes go on meanwhile. */
export interface StoreCopy {
  /** Yields the rows of a table in batches, each row as a line of JSON. The caller may empty a batch. */
  lines(table: CopyTable): AsyncIterable<string[]>;
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

/** The rule for a row whose key exists already. */
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
  /** Sets the size of each thread to what its messages have: backups of earlier versions have none. */
  measureThreads(): Promise<void>;
}

/** The part of a store that copies all of it, and fills it. */
export interface CopyQueries {
  /** The name of the last migration: both dialects have the same one. */
  readonly migration: string;
  /** The names of all migrations, oldest first. */
  readonly migrations: readonly string[];
  copy(): Promise<StoreCopy>;
  /**
   * @param isAlone true for a copy of which the servers on a database make one at a time
   * @returns undefined if another server is making such a copy
   */
  copy(isAlone: boolean | undefined): Promise<StoreCopy | undefined>;
  /**
   * Runs work in one transaction, and tells all servers on the database to read it anew.
   *
   * @param isKept false to undo everything in the end
   */
  fill<T>(work: (fill: StoreFill) => Promise<T>, isKept: boolean): Promise<T>;
}
