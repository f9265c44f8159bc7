import type { Database } from "bun:sqlite";
import { and, asc, eq, gt } from "drizzle-orm";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { auditEvent } from "../audit.ts";
import type { AuditEvent } from "../types.ts";
import { usageOf } from "../usage.ts";
import { auditEvents } from "./schema.ts";
import { prepareUsage } from "./write.ts";

/** How long what calls came to stands in the log alone, in milliseconds. */
const interval = 1000;

export interface UsageBook {
  /** Events have been committed to the log. */
  logged(events: readonly AuditEvent[]): void;
  /** Brings the table up to the end of the log. Throws what SQLite does: the next time it is tried again. */
  bring(): void;
  stop(): void;
}

/**
 * Keeps the usage as the log of events has it, and writes it once a second instead of with each event: a page more in a
 * transaction costs a call that is alone in it a quarter of its time. Nothing is lost by that. The log is the truth,
 * `usage_through` says up to which of its rows it has been summed up, and what a server that was killed had not written
 * is added when the next one opens the file.
 *
 * @param client prepares statements that are kept
 */
export function usageBook(database: Database, db: BunSQLiteDatabase, client: Database): UsageBook {
  const add = prepareUsage(client);
  const advance = client.prepare(
    "update usage_through set row = (select coalesce(max(id), 0) from audit_events)",
  );
  let events: AuditEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const write = database.transaction(() => {
    for (const row of usageOf(events)) add(row);
    advance.run();
  });
  const bring = () => {
    clearTimeout(timer);
    timer = undefined;
    if (events.length === 0) return;
    write.immediate();
    events = [];
  };
  const bringLater = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      try {
        bring();
      } catch {
        // The disk is full, say: whoever writes next is told, and the log has it all.
        bringLater();
      }
    }, interval);
    timer.unref();
  };

  const through = client.prepare<{ row: number }, []>("select row from usage_through").get()!.row;
  const { id, action } = auditEvents;
  const missed = and(gt(id, through), eq(action, "llm_inference_call"));
  events = db.select().from(auditEvents).where(missed).orderBy(asc(id)).all().map(auditEvent);
  if (events.length > 0) bringLater();

  return {
    logged(more) {
      events.push(...more);
      bringLater();
    },
    bring,
    stop: () => clearTimeout(timer),
  };
}
