import type { Database } from "bun:sqlite";
import { and, asc, eq, gt } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { auditEvent } from "../audit.ts";
import type { AuditEvent } from "../types.ts";
import { UsageSums } from "../usage.ts";
import { auditEvents } from "./schema.ts";
import { prepareUsage } from "./write.ts";

/** Milliseconds after which events in the audit log are added to the usage. */
const interval = 1000;

export interface UsageRollup {
  /** Takes events that have been committed to the audit log. */
  add(events: readonly AuditEvent[]): void;
  /** Writes the usage of all events so far. The disk may be full: then a later flush or the next start adds the rest. */
  tryFlush(): void;
  stop(): void;
}

/**
 * Sums up the usage of calls from the audit log, once a second instead of with each event: one more page in a
 * transaction would make the event of a call a quarter more expensive. Nothing gets lost by that. `usage_through` has the
 * last row of the log that is included, and the next start adds the rows that a killed server did not include.
 *
 * @param client prepares and keeps statements
 */
export function usageRollup(database: Database, db: BunSQLiteDatabase, client: Database): UsageRollup {
  const addRow = prepareUsage(client);
  const advance = client.prepare(
    "update usage_through set row = (select coalesce(max(id), 0) from audit_events)",
  );
  const sums = new UsageSums();
  /** Events have come that `usage_through` does not count yet, of calls or others. */
  let hasEvents = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const write = database.transaction(() => {
    for (const row of sums.rows()) addRow(row);
    advance.run();
  });
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (!hasEvents) return;
    write.immediate();
    sums.clear();
    hasEvents = false;
  };
  const tryFlush = (): boolean => {
    try {
      flush();
      return true;
    } catch {
      return false;
    }
  };
  const flushLater = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!tryFlush()) flushLater();
    }, interval);
    timer.unref();
  };

  const through = client.prepare<{ row: number }, []>("select row from usage_through").get()!.row;
  const { id, action } = auditEvents;
  const missed = and(gt(id, through), eq(action, "llm_inference_call"));
  const add = (events: readonly AuditEvent[]) => {
    for (const event of events) sums.add(event);
    hasEvents ||= events.length > 0;
    if (hasEvents) flushLater();
  };
  add(db.select().from(auditEvents).where(missed).orderBy(asc(id)).all().map(auditEvent));

  return {
    add,
    tryFlush: () => void tryFlush(),
    stop: () => clearTimeout(timer),
  };
}
