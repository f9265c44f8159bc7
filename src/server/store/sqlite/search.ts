import { and, desc, type SQL, sql } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { auditEvent, auditWhere } from "../audit.ts";
import type { AuditEvent, AuditFilter } from "../types.ts";
import { auditEvents } from "./schema.ts";

/** So many rows take some milliseconds to look through. */
const stretch = 10_000;

/**
 * Finds events, newest first, looking through one stretch of the log after the other. SQLite runs in the thread
 * that serves inference, and a search that finds little among millions of rows must not hold that up.
 */
export async function search(db: BunSQLiteDatabase, filter: AuditFilter): Promise<AuditEvent[]> {
  const { at, id } = auditEvents;
  const newestFirst = [desc(at), desc(id)];
  const inTime = auditWhere(auditEvents, { since: filter.since, until: filter.until, limit: 0 });
  const wanted = auditWhere(auditEvents, filter);
  const found: AuditEvent[] = [];
  let older: SQL | undefined;
  while (true) {
    const ends = db.select({ at, id }).from(auditEvents).where(and(inTime, older));
    const end = ends
      .orderBy(...newestFirst)
      .limit(1)
      .offset(stretch - 1)
      .get();
    const here = end && sql`(${at}, ${id}) >= (${end.at}, ${end.id})`;
    const rows = db
      .select()
      .from(auditEvents)
      .where(and(wanted, older, here));
    const some = rows.orderBy(...newestFirst).limit(filter.limit - found.length);
    found.push(...some.all().map(auditEvent));
    if (end === undefined || found.length === filter.limit) return found;
    older = sql`(${at}, ${id}) < (${end.at}, ${end.id})`;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
