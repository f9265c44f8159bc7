import { and, asc, desc, gt, lte, max, sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { auditWhere, numbered } from "../audit.ts";
import { type AuditFilter, type AuditTail, StoreError } from "../types.ts";
import { refusal } from "./refusal.ts";
import { auditEvents } from "./schema.ts";
import type { Transactions } from "./transactions.ts";

/** Milliseconds between two looks at the log for its followers. */
const pollEvery = 1000;

/** Milliseconds to wait for running writes. Writes that begin meanwhile wait, too. */
const timeouts = { first: 5000, later: 100 };

/**
 * Returns the events behind a row, oldest first. Rows do not become visible in the order of their numbers: a lower number
 * may come after a higher one. A short lock against writers makes sure that there is no lower number to come.
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
  const end = await endOf(transactions, after === undefined ? timeouts.first : timeouts.later);
  // There are too many writes now. The next look comes soon.
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

/** Returns the number up to which no more rows can come; undefined if the writers did not finish in time. */
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

/** Calls all listeners once a second, as long as there are any. */
export function auditBell(): { listen(ring: () => void): () => void; stop(): void } {
  const rings = new Set<() => void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    rings.clear();
  };
  return {
    listen(listener) {
      // A function of its own, so that the same listener can subscribe twice.
      const ring = () => listener();
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
