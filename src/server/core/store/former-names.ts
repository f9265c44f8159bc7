/** The name of a deleted row, for its id in the audit log and in the usage. Times are milliseconds since 1970. */
export interface FormerName {
  id: string;
  kind: string;
  name: string;
  /** Id of the user whose row it was; null for rows of the server, and where it is not known. */
  owner: string | null;
  /** 0 if it is not known. */
  createdAt: number;
  deletedAt: number;
}

/** The part of a store for the names of deleted rows. */
export interface FormerNameQueries {
  /** Returns the names of deleted rows by their ids. Rows of which no name is kept are left out. */
  formerNames(ids: readonly string[]): Promise<FormerName[]>;
  /** Returns the deleted rows of a kind that had one of some names, the last deleted first and at most `most`. */
  formerlyNamed(kind: string, names: readonly string[], most: number): Promise<FormerName[]>;
  /** Deletes at most `most` names of rows that were deleted before a time. Returns their number. */
  trimFormerNames(before: number, most: number): Promise<number>;
}

/** Kinds whose ids are in the audit log and in the usage, and llms, which these name. */
const kinds = new Set(["user", "token", "grant", "llm"]);

/** True if the name of a row of a kind is kept when the row is deleted. */
export function isNamedInRecords(kind: string): boolean {
  return kinds.has(kind);
}
