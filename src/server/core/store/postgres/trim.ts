import { sql } from "drizzle-orm";
import type { PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type { Store } from "../types.ts";
import type { PostgresRun } from "./links.ts";
import { auditEvents, usage } from "./schema.ts";

/** The part of the store that keeps it small. Autovacuum makes the space of deleted rows free for others. */
export function trimQueries(
  db: PostgresJsDatabase,
  guarded: PostgresRun,
): Pick<Store, "trimAudit" | "trimUsage" | "size"> {
  return {
    trimAudit: (before, after, most) =>
      guarded(async () => {
        const [row] = await db.execute<{ last: string | null; count: string; deleted: string }>(sql`
          with stretch as (
            select id, at from ${auditEvents} where id > ${after} order by id limit ${most}
          ), gone as (
            delete from ${auditEvents} where id in (select id from stretch where at < ${before})
              and id < (select max(id) from ${auditEvents}) returning 1
          )
          select max(id) as last, count(*) as count, (select count(*) from gone) as deleted from stretch`);
        if (!row || row.last === null) return { last: after, isEnd: true };
        const isEnd = Number(row.count) < most || (Number(row.deleted) === 0 && after > 0);
        return { last: Number(row.last), isEnd };
      }),
    trimUsage: (day, most) =>
      guarded(async () => {
        const deleted = await db.execute(sql`
          delete from ${usage} where ctid in (select ctid from ${usage} where day < ${day} order by day limit ${most})`);
        return deleted.count;
      }),
    size: () =>
      guarded(async () => {
        const [row] = await db.execute<{ bytes: string }>(
          sql`select pg_database_size(current_database()) as bytes`,
        );
        return Number(row?.bytes ?? 0);
      }),
  };
}
