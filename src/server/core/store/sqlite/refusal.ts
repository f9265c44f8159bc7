import { SQLiteError } from "bun:sqlite";
import { DrizzleError } from "drizzle-orm";
import { StoreError, type Write } from "../types.ts";

/** Extended result codes of a full disk; they depend on the file that had to grow (sqlite.org/rescode.html). */
const full = /^SQLITE_(FULL|IOERR_WRITE|IOERR_SHMSIZE)/;
const passing = /^SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PROTOCOL|NOMEM|CORRUPT|NOTADB)/;

/** Returns the error to throw for an error of a statement, which is part of write `op`. */
export function refusal(thrown: unknown, op?: Write["op"]): unknown {
  const error = thrown instanceof DrizzleError ? thrown.cause : thrown;
  if (error instanceof RangeError) return new StoreError("unavailable", { cause: error }); // closed
  if (!(error instanceof SQLiteError)) return error;
  const code = error.code ?? "";
  if (full.test(code)) return new StoreError("full", { cause: error });
  if (passing.test(code)) return new StoreError("unavailable", { cause: error });
  if (code === "SQLITE_CONSTRAINT_FOREIGNKEY")
    return new StoreError(op === "delete" ? "referenced" : "dangling", { cause: error });
  if (code === "SQLITE_CONSTRAINT_UNIQUE" || code === "SQLITE_CONSTRAINT_PRIMARYKEY")
    return new StoreError("taken", { cause: error });
  return error;
}
