import { and, type Column, eq, gte, lte, type SQL } from "drizzle-orm";
import { storable } from "./storable.ts";
import type { AuditEvent, UsageFilter, UsageRow } from "./types.ts";

/** Milliseconds of a day. */
export const dayMilliseconds = 24 * 60 * 60 * 1000;
let lastDay = { number: -1, text: "" };

/** Returns the day of a time in milliseconds since 1970: `2026-11-21`, in UTC. */
export function dayOf(at: number): string {
  const number = Math.floor(at / dayMilliseconds);
  if (number !== lastDay.number) lastDay = { number, text: new Date(at).toISOString().slice(0, 10) };
  return lastDay.text;
}

/** Units besides tokens that providers bill. An event has their counts in its `detail`. */
export const billedUnits = ["images", "seconds", "characters", "searches"] as const;

/** Units that are in the log and in the cost, and that the usage does not sum up. */
export const unsummedUnits = ["fileSearches", "containers"] as const;

/** Returns the usage of a batch of events: one row for each day, user, token and llm. */
export function usageOf(events: readonly AuditEvent[]): UsageRow[] {
  const rows = new Map<string, UsageRow>();
  for (const event of events) {
    if (event.action !== "llm_inference_call" || event.userId === null) continue;
    const day = dayOf(event.at);
    const llm = event.poolMember ?? event.llm ?? "";
    const key = `${day} ${event.userId} ${event.tokenId ?? ""} ${llm}`;
    let row = rows.get(key);
    if (!row) {
      row = {
        day,
        userId: event.userId,
        tokenId: event.tokenId ?? "",
        llm: storable(llm),
        requests: 0,
        errors: 0,
        promptTokens: 0,
        completionTokens: 0,
        cachedTokens: 0,
        costMicros: 0,
        unpriced: 0,
        images: 0,
        seconds: 0,
        characters: 0,
        searches: 0,
      };
      rows.set(key, row);
    }
    // The usage of an answer that was made in the background has an event of its own.
    if (event.detail?.["settles"] === undefined) row.requests++;
    if (event.error !== undefined) row.errors++;
    row.promptTokens += Math.round(event.promptTokens ?? 0);
    row.completionTokens += Math.round(event.completionTokens ?? 0);
    row.cachedTokens += Math.round(event.cachedTokens ?? 0);
    row.costMicros += Math.round(event.costMicros ?? 0);
    let used = (event.promptTokens ?? 0) + (event.completionTokens ?? 0);
    for (const unit of billedUnits) {
      const count = Number(event.detail?.[unit] ?? 0);
      row[unit] += Math.ceil(count);
      used += count;
    }
    for (const unit of unsummedUnits) used += Number(event.detail?.[unit] ?? 0);
    if (event.costMicros === undefined && used > 0) row.unpriced++;
  }
  // In the same order on all servers: two that update the same rows would wait for each other otherwise.
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** Returns the condition of a filter, for either dialect. */
export function usageWhere(
  table: Record<"day" | "userId" | "tokenId" | "llm", Column>,
  { since, until, userId, tokenId, llm }: Partial<UsageFilter> & Pick<UsageFilter, "until">,
): SQL | undefined {
  return and(
    since === undefined ? undefined : gte(table.day, since),
    lte(table.day, until),
    userId === undefined ? undefined : eq(table.userId, userId),
    tokenId === undefined ? undefined : eq(table.tokenId, tokenId),
    llm === undefined ? undefined : eq(table.llm, llm),
  );
}
