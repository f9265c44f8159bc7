import { DrizzleQueryError } from "drizzle-orm";
import { StoreError, type Write } from "../types.ts";

/**
 * SQLSTATEs of temporary errors (postgresql.org/docs/current/errcodes-appendix.html): lost connections, actions of an
 * operator, conflicts between transactions, too few resources, a server that became a read-only standby.
 */
const passing = /^(08|40|53|57|58|25006|55P03)/;
/** Codes of the driver and of the operating system: CONNECTION_CLOSED, CONNECT_TIMEOUT, ECONNREFUSED. */
const unreachable = /^(CONNECT|E[A-Z]{4,})/;

/** Returns the error to throw for an error of a query, which is part of write `op`. */
export function refusal(error: unknown, op?: Write["op"]): unknown {
  if (error instanceof StoreError) return error;
  const { code, cause } = bare(error);
  if (code === "53100") return new StoreError("full", { cause });
  if (code === "23503") return new StoreError(op === "delete" ? "referenced" : "dangling", { cause });
  if (code === "23505") return new StoreError("taken", { cause });
  if (passing.test(code) || unreachable.test(code)) return new StoreError("unavailable", { cause });
  return cause;
}

/**
 * Returns the error of the driver without the query, its parameters and the failed row, which drizzle and the driver add
 * to it. They may have secrets, which a log would print.
 */
export function bare(error: unknown): { code: string; cause: unknown } {
  const inner = error instanceof DrizzleQueryError ? error.cause : error;
  if (!(inner instanceof Error) || !("code" in inner) || typeof inner.code !== "string")
    return { code: "", cause: inner };
  return { code: inner.code, cause: new Error(`${inner.code}: ${inner.message}`) };
}
