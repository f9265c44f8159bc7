import type { Database } from "bun:sqlite";
import type { Store } from "../types.ts";
import type { SqliteRun } from "./links.ts";

/** The part of the store that keeps it small. The space of deleted rows is used again; the file does not shrink. */
export function trimQueries(
  database: Database,
  guarded: SqliteRun,
  writing: SqliteRun,
): Pick<Store, "trimAudit" | "trimUsage" | "size"> {
  const stretch = database.prepare<{ last: number | null; newest: number; count: number }, [number, number]>(
    `select max(id) as last, max(at) as newest, count(*) as count
     from (select id, at from audit_events where id > ? order by id limit ?)`,
  );
  const deleteEvents = database.prepare(
    `delete from audit_events where id > ? and id <= ? and at < ?
     and id <= (select row from usage_through) and id < (select max(id) from audit_events)`,
  );
  const deleteUsage = database.prepare(
    "delete from usage where rowid in (select rowid from usage where day < ? order by day limit ?)",
  );
  const pages = database.prepare<{ bytes: number }, []>(
    "select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()",
  );
  return {
    trimAudit: (before, after, most) =>
      writing(() => {
        const { last, count } = stretch.get(after, most)!;
        if (last === null) return { last: after, isEnd: true };
        const { changes } = deleteEvents.run(after, last, before);
        return { last, isEnd: count < most || (changes === 0 && after > 0) };
      }),
    trimUsage: (day, most) => writing(() => deleteUsage.run(day, most).changes),
    size: () => guarded(() => pages.get()!.bytes),
  };
}
