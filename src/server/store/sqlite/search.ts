import { and, desc, gte, lt } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { auditEvent, auditWhere } from "../audit.ts";
import type { AuditEvent, AuditFilter } from "../types.ts";
import { auditEvents } from "./schema.ts";

/** So many rows take some milliseconds to look through. */
const stretch = 10_000;

/** How far the log may be from the order of time: calls are written when they end, and clocks are set back. */
const disorder = 60 * 60 * 1000;

/**
 * Finds events, newest first, looking through one stretch of the log after the other. SQLite runs in the thread
 * that serves inference, and a search that finds little among millions of rows must not hold that up. There is no
 * index on the time: ids follow it, and each index costs every call a third of what its event costs.
 */
export async function search(db: BunSQLiteDatabase, filter: AuditFilter): Promise<AuditEvent[]> {
  const { at, id } = auditEvents;
  const wanted = auditWhere(auditEvents, filter);
  const found: AuditEvent[] = [];
  let newer: number | undefined;
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
        .map(auditEvent),
    );
    const tooOld = end && filter.since !== undefined && end.at < filter.since - disorder;
    if (!end || tooOld || found.length === filter.limit) return found;
    newer = end.id;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
