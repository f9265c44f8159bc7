import { and, asc, desc, gt, gte, lt, lte, max } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { nextTurn } from "../../../../wire/next-turn.ts";
import { auditWhere, numbered } from "../audit.ts";
import type { AuditFilter, AuditTail } from "../types.ts";
import { auditEvents } from "./schema.ts";

/** Rows that are searched at once: that takes some milliseconds. Searches of several callers take turns. */
const stretch = 10_000;

/**
 * Milliseconds by which the log may differ from the order of time: calls are written when they end, and clocks are set
 * back.
 */
const disorder = 60 * 60 * 1000;

/**
 * Finds events, newest first, in one stretch of the log after the other. SQLite runs in the thread that serves
 * inference, which a search among millions of rows must not block. There is no index on the time: ids follow the time,
 * and an index would make the event of every call a third more expensive.
 *
 * @param upTo the last row to include; all rows if it is left out
 */
export async function search(
  db: BunSQLiteDatabase,
  filter: AuditFilter,
  upTo?: number,
): Promise<AuditTail["events"]> {
  const { at, id } = auditEvents;
  const wanted = auditWhere(auditEvents, filter);
  const found: AuditTail["events"] = [];
  let newer = upTo === undefined ? undefined : upTo + 1;
  while (true) {
    const left = newer === undefined ? undefined : lt(id, newer);
    const ends = db.select({ at, id }).from(auditEvents).where(left).orderBy(desc(id)).limit(1);
    const end = ends.offset(stretch - 1).get();
    const here = and(wanted, left, end && gte(id, end.id));
    const rows = db.select().from(auditEvents).where(here).orderBy(desc(id));
    found.push(
      ...rows
        .limit(filter.limit - found.length)
        .all()
        .map(numbered),
    );
    const tooOld = end && filter.since !== undefined && end.at < filter.since - disorder;
    if (!end || tooOld || found.length === filter.limit) return found;
    newer = end.id;
    await nextTurn();
  }
}

/** Returns the events behind a row, oldest first, from one stretch of the log. */
export async function tail(
  db: BunSQLiteDatabase,
  after: number | undefined,
  filter: AuditFilter,
): Promise<AuditTail> {
  const { id } = auditEvents;
  const newest = db
    .select({ id: max(id) })
    .from(auditEvents)
    .get();
  const end = newest?.id ?? 0;
  if (after === undefined) return { events: (await search(db, filter, end)).reverse(), last: end };
  const last = Math.max(after, Math.min(end, after + stretch));
  const here = and(auditWhere(auditEvents, filter), gt(id, after), lte(id, last));
  const rows = db.select().from(auditEvents).where(here).orderBy(asc(id)).limit(filter.limit).all();
  return { events: rows.map(numbered), last: rows.length === filter.limit ? rows.at(-1)!.id : last };
}
