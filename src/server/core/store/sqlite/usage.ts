import { and, asc, gte, lte, type SQL, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { nextTurn } from "../../../../wire/next-turn.ts";
import type { UsageFilter, UsageRow } from "../types.ts";
import { usageWhere } from "../usage.ts";
import { usage } from "./schema.ts";

/** Rows that are looked at in one turn of the event loop: some milliseconds. */
const stretch = 2000;

/**
 * Reads usage, one stretch of it after the other: SQLite runs in the thread that serves calls, and the usage of a month may
 * have hundreds of thousands of rows (T334).
 */
export async function readUsage(db: BunSQLiteDatabase, filter: UsageFilter): Promise<UsageRow[]> {
  const { day, userId, tokenId, llm } = usage;
  const order = [asc(day), asc(userId), asc(tokenId), asc(llm)];
  const key = sql`(${day}, ${userId}, ${tokenId}, ${llm})`;
  const keyOf = (row: Pick<UsageRow, "day" | "userId" | "tokenId" | "llm">): SQL =>
    sql`(${row.day}, ${row.userId}, ${row.tokenId}, ${row.llm})`;
  const found: UsageRow[] = [];
  const { since, ...rest } = filter;
  // One lower bound alone: with two of them SQLite would look at all rows before the second one again.
  let from = gte(day, since);
  for (;;) {
    const days = and(from, lte(day, rest.until));
    const ends = db.select({ day, userId, tokenId, llm }).from(usage).where(days);
    const end = ends
      .orderBy(...order)
      .limit(1)
      .offset(stretch - 1)
      .get();
    const here = and(usageWhere(usage, rest), from, end && sql`${key} <= ${keyOf(end)}`);
    const rows = db.select().from(usage).where(here);
    for (const row of rows.orderBy(...order).all()) found.push(row);
    if (!end) return found;
    from = sql`${key} > ${keyOf(end)}`;
    await nextTurn();
  }
}
