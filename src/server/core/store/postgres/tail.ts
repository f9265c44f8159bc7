import { and, asc, desc, gt, lte, max, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { auditWhere, numbered } from "../audit.ts";
import { type AuditFilter, type AuditTail, StoreError } from "../types.ts";
import { refusal } from "./refusal.ts";
import { auditEvents } from "./schema.ts";
import type { Transactions } from "./transactions.ts";

/** How often whoever follows the log looks, in milliseconds. */
const pollEvery = 1000;

/** How long it waits for writes that are under way, and what comes behind them waits with it. Milliseconds. */
const patience = { first: 5000, later: 100 };

/**
 * The events behind a row, the oldest first. Rows become visible in another order than they are numbered in, so that
 * the highest number says nothing of those below it: for a moment nobody else writes, and there are no rows to come.
 */
export async function tail(
  db: PostgresJsDatabase,
  transactions: Transactions,
  after: number | undefined,
  filter: AuditFilter,
): Promise<AuditTail> {
  const { id } = auditEvents;
  if (after !== undefined) {
    const [newest] = await db.select({ id: max(id) }).from(auditEvents);
    if ((newest?.id ?? 0) <= after) return { events: [], last: after };
  }
  const wanted = auditWhere(auditEvents, filter);
  const end = await endOf(transactions, after === undefined ? patience.first : patience.later);
  // Too much is being written right now: the next look comes soon.
  if (end === undefined) {
    if (after === undefined) throw new StoreError("unavailable");
    return { events: [], last: after };
  }
  const rows = db.select().from(auditEvents);
  if (after === undefined) {
    const newest = await rows
      .where(and(wanted, lte(id, end)))
      .orderBy(desc(id))
      .limit(filter.limit);
    return { events: newest.map(numbered).reverse(), last: end };
  }
  const found = await rows
    .where(and(wanted, gt(id, after), lte(id, end)))
    .orderBy(asc(id))
    .limit(filter.limit);
  const last = found.length === filter.limit ? found.at(-1)!.id : Math.max(after, end);
  return { events: found.map(numbered), last };
}

/** The number below which no row can come any more; undefined when the writers could not be waited for. */
async function endOf(transactions: Transactions, milliseconds: number): Promise<number | undefined> {
  try {
    return await transactions.run(async (queries) => {
      await queries.execute(sql`select set_config('lock_timeout', ${`${milliseconds}ms`}, true)`);
      await queries.execute(sql`lock table ${auditEvents} in share mode`);
      const [newest] = await queries.select({ id: max(auditEvents.id) }).from(auditEvents);
      return newest?.id ?? 0;
    });
  } catch (error) {
    const refused = refusal(error);
    if (refused instanceof StoreError && refused.refusal === "unavailable") return undefined;
    throw error;
  }
}

/** Rings for all that follow the log, as long as somebody does. */
export function auditBell(): { listen(ring: () => void): () => void; stop(): void } {
  const rings = new Set<() => void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    rings.clear();
  };
  return {
    listen(answer) {
      // One of its own, so that the same function may listen twice.
      const ring = () => answer();
      rings.add(ring);
      timer ??= setInterval(() => {
        for (const each of rings) each();
      }, pollEvery);
      return () => {
        rings.delete(ring);
        if (rings.size === 0) stop();
      };
    },
    stop,
  };
}
