import { type SQL, sql } from "drizzle-orm";
import { AppError } from "../../../../errors.ts";
import { buried } from "../buried-rows.ts";
import type {
  CopyQueries,
  CopyRow,
  CopyTable,
  ExistingRow,
  OnConflict,
  StoreCopy,
  StoreFill,
} from "../copy/copy.ts";
import { conflictClause, list, moveStatements, quoted, selection } from "../copy/statements.ts";
import type { RestoreGate } from "../locked-by-restore.ts";
import { lastToMeasure, measureThreads } from "../thread-use.ts";
import { writeLock } from "./open.ts";
import { refusal } from "./refusal.ts";
import { type OneConnection, transactions } from "./transactions.ts";
import type { Queries } from "./write.ts";

/** The advisory lock of copies that are made one at a time. ASCII "backup". */
const backupLock = 0x6261636b7570;
/** Rows that are fetched at once. */
const batchRows = 500;
/** Copies and restores at a time. */
const most = 2;
/** A copy waits for its reader, which may have a slow line; PostgreSQL keeps all deleted rows until it has ended. */
const limits = { idle: 600_000, lock: 10_000, whole: 0 };

/**
 * The part of the store that copies and fills all of it, over connections of its own: it may take minutes, and other
 * transactions have a time limit.
 *
 * @param ring tells the servers on the database that there are changes
 * @param gate is closed while a restore is under way
 */
export function copyQueries(
  connect: OneConnection,
  ring: SQL,
  gate: Pick<RestoreGate, "close" | "open">,
): Pick<CopyQueries, "copy" | "fill"> & { close(): Promise<void> } {
  const long = transactions(connect, most, Number.POSITIVE_INFINITY, limits);
  return {
    async copy(isAlone?: boolean) {
      const over = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<Queries>();
      const running = long.run(async (queries) => {
        begun.resolve(queries);
        await over.promise;
      }, "snapshot");
      running.catch(begun.reject);
      const queries = await begun.promise.catch((error) => {
        throw refused(error);
      });
      // The first query is what fixes the moment.
      await queries.execute(sql`select count(*) from schema_migrations`);
      const end = async () => {
        over.resolve();
        await running.catch(() => {});
      };
      if (isAlone) {
        const [lock] = await queries.execute<{ got: boolean }>(
          sql`select pg_try_advisory_xact_lock(${backupLock}) as got`,
        );
        if (!lock?.got) return (await end()) as never;
      }
      return postgresCopy(queries, end);
    },

    async fill(work, isKept) {
      let result: { value: Awaited<ReturnType<typeof work>> } | undefined;
      gate.close();
      try {
        await long.run(async (queries) => {
          await queries.execute(sql`select pg_advisory_xact_lock(${writeLock})`);
          result = { value: await work(postgresFill(queries)) };
          if (!isKept) throw undone;
          await finish(queries, ring);
        });
      } catch (error) {
        if (error !== undone) throw refused(error);
      } finally {
        gate.open();
      }
      return result!.value;
    },

    close: () => long.close(),
  };
}

function refused(error: unknown): unknown {
  return error instanceof AppError ? error : refusal(error);
}

/** Is thrown to roll a transaction back that was only a trial. */
const undone = new Error("undone");

function postgresCopy(queries: Queries, end: () => Promise<void>): StoreCopy {
  return {
    async *lines(table) {
      const columns = list(table.columns.map(({ name }) => name));
      const text = `select row_to_json(rows)::text as line from (select ${columns} ${selection(table)}) rows`;
      try {
        await queries.execute(sql.raw(`declare backup no scroll cursor for ${text}`));
        for (;;) {
          const rows = await queries.execute<{ line: string }>(sql.raw(`fetch ${batchRows} from backup`));
          if (rows.length === 0) break;
          yield rows.splice(0).map(({ line }) => line);
        }
        await queries.execute(sql`close backup`);
      } catch (error) {
        throw refused(error);
      }
    },
    close: end,
  };
}

function postgresFill(queries: Queries): StoreFill {
  const among = (column: string, values: readonly string[]) =>
    sql`${sql.identifier(column)} in (select json_array_elements_text(${JSON.stringify(values)}::json))`;
  return {
    async existing() {
      await queries.execute(sql`
        declare existing no scroll cursor for select id, kind, scope, name, owner, version,
          coalesce((status->>'builtIn')::boolean, false) as "isBuiltIn",
          kind = 'secretbackend' and coalesce((spec->>'isDefault')::boolean, false) as "isDefault",
          status->>'externalRef' as "externalRef"
        from resources where kind <> ${buried}`);
      const all: ExistingRow[] = [];
      for (;;) {
        const rows = await queries.execute(sql.raw(`fetch ${batchRows} from existing`));
        for (const row of rows as unknown as ExistingRow[])
          all.push({ ...row, version: Number(row.version) });
        if (rows.length === 0) break;
      }
      await queries.execute(sql`close existing`);
      return all;
    },
    async put(table, rows, onConflict) {
      if (rows.length === 0) return 0;
      const { count } = await queries.execute(insertOf(table, rows, onConflict));
      return count;
    },
    async remove(table, column, values) {
      const from = sql`delete from ${sql.identifier(table.name)}`;
      await queries.execute(column === undefined ? from : sql`${from} where ${among(column, values ?? [])}`);
    },
    async lastEvent() {
      const [row] = await queries.execute<{ last: string | null }>(
        sql`select max(id) as last from audit_events`,
      );
      return Number(row?.last ?? 0);
    },
    async moveEvents(upTo) {
      const columns = await queries.execute<{ name: string }>(sql`
        select column_name as name from information_schema.columns
        where table_schema = current_schema() and table_name = 'audit_events' and column_name <> 'id'`);
      for (const text of moveStatements(columns.map(({ name }) => name)))
        await queries.execute(sql.raw(text.replace("$1", String(upTo))));
    },
    async measureThreads() {
      for (let after = "", last: string | null | undefined; ; after = last) {
        [{ last } = { last: null }] = await queries.execute<{ last: string | null }>(
          filled(lastToMeasure, after),
        );
        if (!last) return;
        await queries.execute(filled(measureThreads, after, last));
      }
    },
  };
}

/** Returns a statement with parameters in the places of `$1`, `$2`. */
function filled(text: string, ...values: readonly string[]): SQL {
  const [first = "", ...rest] = text.split(/\$\d/);
  return sql.join([sql.raw(first), ...rest.flatMap((part, i) => [sql`${values[i]}`, sql.raw(part)])]);
}

function insertOf(table: CopyTable, rows: readonly CopyRow[], onConflict: OnConflict): SQL {
  const columns = table.columns.map(({ name }) => name).filter((name) => name in rows[0]!);
  return sql`
    insert into ${sql.identifier(table.name)} (${sql.raw(list(columns))})
    select ${sql.raw(list(columns))}
    from json_populate_recordset(null::${sql.raw(quoted(table.name))}, ${JSON.stringify(rows)}::json)
    ${sql.raw(conflictClause(table, columns, onConflict))}`;
}

/** Leaves a gap in the revisions, so that every server reads everything anew. */
async function finish(queries: Queries, ring: SQL): Promise<void> {
  await queries.execute(sql`
    insert into changes (revision, kind, id, operation, at)
    select coalesce(max(revision), 0) + 2, 'restore', '', 'update', 0 from changes`);
  await queries.execute(sql`delete from changes where revision < (select max(revision) from changes)`);
  await queries.execute(ring);
}
