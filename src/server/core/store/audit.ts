import { and, type Column, eq, gte, isNull, lt, lte, ne, or, type SQL } from "drizzle-orm";
import { storable } from "./storable.ts";
import type { AuditEvent, AuditFilter, AuditTail } from "./types.ts";

/** The columns of `audit_events`, without its id, in the order of `addAuditValues`. */
export const auditColumns = [
  "at",
  "action",
  "request_id",
  "user_id",
  "token_id",
  "status",
  "llm",
  "pool_member",
  "model",
  "type",
  "dialect",
  "streaming",
  "duration_ms",
  "ttft_ms",
  "prompt_tokens",
  "completion_tokens",
  "cached_tokens",
  "cost_micros",
  "error",
  "detail",
] as const;

/** A value of a column of `audit_events`. */
export type AuditValue = string | number | boolean | null;

/**
 * Adds the values of an event to a list, in the order of `auditColumns`. Values that a column cannot hold are made to fit.
 */
export function addAuditValues(values: AuditValue[], event: AuditEvent): void {
  values.push(
    whole(event.at),
    storable(event.action),
    storable(event.requestId),
    text(event.userId),
    text(event.tokenId),
    whole(event.status),
    text(event.llm),
    text(event.poolMember),
    text(event.model),
    text(event.type),
    text(event.dialect),
    event.streaming ?? null,
    whole(event.durationMs),
    whole(event.ttftMs),
    whole(event.promptTokens),
    whole(event.completionTokens),
    whole(event.cachedTokens),
    whole(event.costMicros),
    text(event.error),
    event.detail === undefined ? null : storableJson(event.detail),
  );
}

/** Returns the event of a row of `audit_events`, without the fields that are null in the row. */
export function auditEvent(row: Record<string, unknown>): AuditEvent {
  const { id: _, userId, tokenId, ...rest } = row;
  const present = Object.entries(rest).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(present), userId, tokenId } as AuditEvent;
}

/** Returns the condition of a filter, for either dialect. */
export function auditWhere(
  table: Record<"at" | "llm" | "userId" | "tokenId" | "action" | "requestId" | "status", Column>,
  { since, until, llm, user, token, action, requestId, status }: AuditFilter,
): SQL | undefined {
  return and(
    since === undefined ? undefined : gte(table.at, since),
    until === undefined ? undefined : lt(table.at, until),
    llm === undefined ? undefined : eq(table.llm, llm),
    user === undefined ? undefined : eq(table.userId, user),
    token === undefined ? undefined : eq(table.tokenId, token),
    action === undefined ? undefined : eq(table.action, action),
    requestId === undefined ? undefined : eq(table.requestId, requestId),
    status && gte(table.status, status.from),
    status && lte(table.status, status.to),
  );
}

/** Returns the condition for the calls of MCP servers that were let in, for either dialect. */
export function callsWhere(
  table: Parameters<typeof auditWhere>[0],
  since: number,
  until: number,
): SQL | undefined {
  const isCall = auditWhere(table, { action: "mcp_call", since, until, limit: 0 });
  return and(isCall, or(isNull(table.status), ne(table.status, 429)));
}

/** Returns the event of a row with the number of the row, from which a reader can go on. */
export function numbered(row: Record<string, unknown> & { id: number }): AuditTail["events"][number] {
  return { row: row.id, event: auditEvent(row) };
}

function text(value: string | null | undefined): string | null {
  return typeof value === "string" ? storable(value) : null;
}

/** Matches what JSON has in place of U+0000 and of half a surrogate pair. */
const unstorable = /\\u(?:0000|d[89a-f])/;

function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  // A function for each value takes several times as long.
  return unstorable.test(text) ? JSON.stringify(value, storableValue) : text;
}

function storableValue(_key: string, value: unknown): unknown {
  return typeof value === "string" ? storable(value) : value;
}

function whole(value: number | undefined): number | null {
  if (value === undefined || Number.isNaN(value)) return null;
  return Math.round(Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER));
}
