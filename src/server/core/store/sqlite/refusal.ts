import { SQLiteError } from "bun:sqlite";
import { DrizzleError } from "drizzle-orm";
import { StoreError, type Write } from "../types.ts";

/** Extended result codes of a full disk; they depend on the file that had to grow (sqlite.org/rescode.html). */
const full = /^SQLITE_(FULL|IOERR_SHMSIZE)/;
const passing = /^SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PROTOCOL|NOMEM|CORRUPT|NOTADB)/;

/** The reasons of failures in words for callers, by the beginning of the code. */
const reasons = {
  SQLITE_IOERR: "the disk of the database reports errors",
  SQLITE_READONLY: "the file of the database is read-only",
  SQLITE_CORRUPT: "the database is damaged",
  SQLITE_NOTADB: "the database is damaged",
  SQLITE_BUSY: "the database is locked by another program",
  SQLITE_LOCKED: "the database is locked by another program",
};

/** Returns the error to throw for an error of a statement, which is part of write `op`. */
export function refusal(thrown: unknown, op?: Write["op"]): unknown {
  const error = inner(thrown);
  if (error instanceof RangeError) return new StoreError("unavailable", { cause: error }); // closed
  if (!(error instanceof SQLiteError)) return error;
  const code = error.code ?? "";
  const reason = Object.entries(reasons).find(([beginning]) => code.startsWith(beginning))?.[1];
  const options = { cause: error, ...(reason !== undefined && { reason }) };
  if (full.test(code)) return new StoreError("full", options);
  if (passing.test(code)) return new StoreError("unavailable", options);
  if (code === "SQLITE_CONSTRAINT_FOREIGNKEY")
    return new StoreError(op === "delete" ? "referenced" : "dangling", { cause: error });
  if (code === "SQLITE_CONSTRAINT_UNIQUE" || code === "SQLITE_CONSTRAINT_PRIMARYKEY")
    return new StoreError("taken", { cause: error });
  return error;
}

/** True for an error of the disk during a write, whose cause SQLite does not tell. */
export function isFailedWrite(thrown: unknown): boolean {
  return inner(thrown) instanceof SQLiteError && codeOf(thrown)?.startsWith("SQLITE_IOERR_WRITE") === true;
}

/** Returns the code of an error of SQLite or of the system: `SQLITE_BUSY`, `ENOENT`. */
export function codeOf(thrown: unknown): string | undefined {
  const error = inner(thrown);
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function inner(thrown: unknown): unknown {
  return thrown instanceof DrizzleError ? thrown.cause : thrown;
}
