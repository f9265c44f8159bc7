import { DrizzleQueryError } from "drizzle-orm";
import { StoreError, type Write } from "../types.ts";

/**
 * SQLSTATEs of temporary errors (postgresql.org/docs/current/errcodes-appendix.html): lost connections, actions of an
 * operator, conflicts between transactions, too few resources, a server that became a read-only standby, a refused login,
 * a right or a table that somebody has taken away, and damaged data.
 */
const passing = /^(08|28|40|53|57|58|3D000|3F000|25006|42501|42P01|55P03|XX00[12])/;
/** Codes of the driver and of the operating system: CONNECTION_CLOSED, CONNECT_TIMEOUT, ECONNREFUSED. */
const unreachable = /^(CONNECT|E[A-Z]{4,})/;

/**
 * SQLSTATEs of a server that other connections may not lead to any more: it shuts down or starts, has no room for
 * connections, or became a standby, on which writes fail as read-only.
 */
const elsewhere = /^(08|57P0[1-3]|53300|25006)/;

/** True for an error after which a new connection may find another server that works: after a failover. */
export function mayWorkElsewhere(error: unknown): boolean {
  return elsewhere.test(error instanceof StoreError ? bare(error.cause).code : bare(error).code);
}

/** Returns the error of a server that accepts no writes, as PostgreSQL itself would tell it. */
export function readOnly(): Error {
  return Object.assign(new Error("25006: the server accepts no writes"), { code: "25006" });
}

/** Returns the reason of a failure in words for callers; undefined where there is nothing to say but that it failed. */
function reasonOf(code: string): string | undefined {
  if (code === "25006") return "the database is read-only: it may be a standby";
  if (code === "53300") return "the database has no free connection";
  if (/^57P0[1-3]/.test(code)) return "the database is starting or stopping";
  if (code.startsWith("28") || code === "3D000") return "the database refuses the login of the server";
  if (code === "42501") return "the database refuses the server a right to its tables";
  if (code === "42P01" || code === "3F000")
    return "the tables of the server are missing: they are gone, or another schema is searched";
  if (/^XX00[12]/.test(code)) return "the database is damaged";
  if (code === "55P03" || code === "57014") return "the database was busy for too long";
  return undefined;
}

/** Returns the error to throw for an error of a query, which is part of write `op`. */
export function refusal(error: unknown, op?: Write["op"]): unknown {
  if (error instanceof StoreError) return error;
  const { code, cause } = bare(error);
  if (code === "53100") return new StoreError("full", { cause });
  if (code === "23503") return new StoreError(op === "delete" ? "referenced" : "dangling", { cause });
  if (code === "23505") return new StoreError("taken", { cause });
  if (passing.test(code) || unreachable.test(code) || endsConnection(cause)) {
    const reason = reasonOf(code);
    return new StoreError("unavailable", { cause, ...(reason !== undefined && { reason }) });
  }
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
  const { code, message } = inner;
  const text = message.startsWith(`${code}: `) ? message : `${code}: ${message}`;
  return { code, cause: Object.assign(new Error(text), { code, severity: severityOf(inner) }) };
}

/** Returns the severity of an error of the server. PgBouncer sends only the field that others translate. */
function severityOf(error: Error): string | undefined {
  const { severity, severity_local } = error as { severity?: string; severity_local?: string };
  return severity ?? severity_local;
}

/** True for an error with which a server or a pooler ends the connection. Poolers have codes of their own for that. */
function endsConnection(error: unknown): boolean {
  return error instanceof Error && /^(FATAL|PANIC)$/.test(severityOf(error) ?? "");
}
