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
  const sums = new UsageSums();
  for (const event of events) sums.add(event);
  return sums.rows();
}

/** The usage of events, one row for each day, user, token and llm. It holds no event. */
export class UsageSums {
  readonly #rows = new Map<string, UsageRow>();
  /** The row of the last event: most are like the one before. */
  #last: UsageRow | undefined;

  add(event: AuditEvent): void {
    if (event.action !== "llm_inference_call" || event.userId === null) return;
    const row = this.#rowOf(
      dayOf(event.at),
      event.userId,
      event.tokenId ?? "",
      event.poolMember ?? event.llm ?? "",
    );
    addEvent(row, event);
  }

  /** Returns the rows in the same order on all servers: two that update the same rows would wait for each other otherwise. */
  rows(): UsageRow[] {
    return [...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  }

  clear(): void {
    this.#rows.clear();
    this.#last = undefined;
  }

  #rowOf(day: string, userId: string, tokenId: string, name: string): UsageRow {
    const llm = storable(name);
    const last = this.#last;
    if (last?.llm === llm && last.tokenId === tokenId && last.userId === userId && last.day === day)
      return last;
    const key = `${day} ${userId} ${tokenId} ${llm}`;
    let row = this.#rows.get(key);
    if (!row) {
      row = emptyRow(day, userId, tokenId, llm);
      this.#rows.set(key, row);
    }
    this.#last = row;
    return row;
  }
}

function emptyRow(day: string, userId: string, tokenId: string, llm: string): UsageRow {
  return {
    day,
    userId,
    tokenId,
    llm,
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
}

function addEvent(row: UsageRow, event: AuditEvent): void {
  const { detail, promptTokens = 0, completionTokens = 0, cachedTokens = 0, costMicros } = event;
  // The usage of an answer that was made in the background has an event of its own.
  if (detail?.["settles"] === undefined) row.requests++;
  if (event.error !== undefined) row.errors++;
  row.promptTokens += Math.round(promptTokens);
  row.completionTokens += Math.round(completionTokens);
  row.cachedTokens += Math.round(cachedTokens);
  row.costMicros += Math.round(costMicros ?? 0);
  const used = promptTokens + completionTokens + (detail ? addUnits(row, detail) : 0);
  if (costMicros === undefined && used > 0) row.unpriced++;
}

/** Adds the units besides tokens. Returns their sum. */
function addUnits(row: UsageRow, detail: Readonly<Record<string, unknown>>): number {
  let used = 0;
  for (const unit of billedUnits) {
    const count = Number(detail[unit] ?? 0);
    row[unit] += Math.ceil(count);
    used += count;
  }
  for (const unit of unsummedUnits) used += Number(detail[unit] ?? 0);
  return used;
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
