import { Database } from "bun:sqlite";
import { eachInTurns, nextTurn } from "../../../../wire/next-turn.ts";
import { buried } from "../buried-rows.ts";
import type {
  CopyColumn,
  CopyQueries,
  CopyRow,
  CopyTable,
  ExistingRow,
  OnConflict,
  StoreCopy,
  StoreFill,
} from "../copy/copy.ts";
import { conflictClause, list, moveStatements, quoted, selection } from "../copy/statements.ts";
import { lastToMeasure, measureThreads } from "../thread-use.ts";
import { writeBackElsewhere } from "./checkpoints.ts";

/** The most rows of a batch, and about its most characters. A batch takes some milliseconds. */
const batchRows = 500;
const batchCharacters = 128 * 1024;

/**
 * The part of the store that copies and fills all of it. It has connections of its own: a transaction of the store's
 * own connection would take in whatever is written meanwhile.
 *
 * @param path of the open file
 * @param failure returns the error to throw for an error of SQLite
 * @param filled is called after a transaction that was kept, and with its error otherwise
 */
export function copyQueries(
  path: string,
  failure: (error: unknown) => unknown,
  hooks: { beforeCopy(): void; filling(isUnderWay: boolean): void },
): Pick<CopyQueries, "copy" | "fill"> {
  const connect = (options: { readonly: true } | { readwrite: true; create: false }) => {
    const database = new Database(path, options);
    database.run("pragma trusted_schema = 0");
    return database;
  };
  return {
    async copy() {
      try {
        hooks.beforeCopy();
        return await openCopy(connect({ readonly: true }), failure);
      } catch (error) {
        throw failure(error);
      }
    },

    async fill(work, isKept) {
      const database = connect({ readwrite: true, create: false });
      try {
        database.run("pragma foreign_keys = 1");
        database.run("pragma secure_delete = 1");
        database.run("pragma busy_timeout = 0");
        // The commit would give all of it to the disk and write it back before it returns, in this thread (T369). What writes
        // it back gives it to the disk first.
        database.run("pragma synchronous = 1");
        database.run("pragma wal_autocheckpoint = 0");
        database.run("begin immediate");
        hooks.filling(true);
        const result = await work(sqliteFill(database));
        if (isKept) {
          finish(database);
          database.run("commit");
          await writeBackElsewhere(path);
        }
        return result;
      } catch (error) {
        throw failure(error);
      } finally {
        // Closing rolls back what was not committed.
        database.close();
        hooks.filling(false);
      }
    },
  };
}

async function openCopy(database: Database, failure: (error: unknown) => unknown): Promise<StoreCopy> {
  try {
    database.run("begin");
    // The first read is what fixes the moment.
    database.query("select count(*) from schema_migrations").get();
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    async *lines(table) {
      const text = `select json_object(${table.columns.map(pair).join(", ")}) as line ${selection(table)}`;
      const statement = database.prepare<{ line: string }, []>(text);
      try {
        let batch: string[] = [];
        let size = 0;
        for (const { line } of statement.iterate()) {
          batch.push(line);
          size += line.length;
          if (batch.length < batchRows && size < batchCharacters) continue;
          yield batch;
          [batch, size] = [[], 0];
          await nextTurn();
        }
        if (batch.length > 0) yield batch;
      } catch (error) {
        throw failure(error);
      } finally {
        statement.finalize();
      }
    },
    async close() {
      database.close();
    },
  };
}

/** Returns the key and the value of a column, as arguments of `json_object`. */
function pair({ name, type }: CopyColumn): string {
  const column = quoted(name);
  if (type === "json") return `'${name}', json(${column})`;
  if (type === "boolean") return `'${name}', json(case ${column} when 0 then 'false' when 1 then 'true' end)`;
  return `'${name}', ${column}`;
}

const existing = `
  select id, kind, scope, name, owner, version,
    coalesce(json_extract(status, '$.builtIn'), 0) = 1 as isBuiltIn,
    kind = 'secretbackend' and coalesce(json_extract(spec, '$.isDefault'), 0) = 1 as isDefault,
    json_extract(status, '$.externalRef') as externalRef
  from resources where kind <> '${buried}'`;

function sqliteFill(database: Database): StoreFill {
  return {
    async existing() {
      using statement = database.prepare<ExistingRow, []>(existing);
      const rows: ExistingRow[] = [];
      const take = (row: ExistingRow) =>
        rows.push({ ...row, isBuiltIn: Boolean(row.isBuiltIn), isDefault: Boolean(row.isDefault) });
      await eachInTurns(statement.iterate(), take);
      return rows;
    },
    async put(table, rows, onConflict) {
      const columns = columnsOf(table, rows);
      if (columns.length === 0) return 0;
      using statement = database.prepare(insertText(table, columns, onConflict));
      let count = 0;
      for (const row of rows)
        count += statement.run(...columns.map((column) => stored(column, row[column.name]))).changes;
      return count;
    },
    async remove(table, column, values) {
      if (column === undefined) database.run(`delete from ${quoted(table.name)}`);
      else
        database.run(
          `delete from ${quoted(table.name)} where ${quoted(column)} in (select value from json_each(?))`,
          [JSON.stringify(values)],
        );
    },
    async lastEvent() {
      using statement = database.prepare<{ last: number | null }, []>(
        "select max(id) as last from audit_events",
      );
      return statement.get()?.last ?? 0;
    },
    async moveEvents(upTo) {
      using columns = database.prepare<{ name: string }, []>(
        "select name from pragma_table_info('audit_events') where name <> 'id'",
      );
      for (const text of moveStatements(columns.all().map(({ name }) => name))) database.run(text, [upTo]);
    },
    async measureThreads() {
      using next = database.prepare<{ last: string | null }, [string]>(lastToMeasure);
      for (let after = "", last: string | null | undefined; ; after = last) {
        last = next.get(after)?.last;
        if (!last) return;
        database.run(measureThreads, [after, last]);
        await nextTurn();
      }
    },
  };
}

function columnsOf({ columns }: CopyTable, [first]: readonly CopyRow[]): CopyColumn[] {
  return first ? columns.filter(({ name }) => name in first) : [];
}

function insertText(table: CopyTable, columns: readonly CopyColumn[], onConflict: OnConflict): string {
  const names = columns.map(({ name }) => name);
  const places = names.map(() => "?").join(", ");
  return `insert into ${quoted(table.name)} (${list(names)}) values (${places})${conflictClause(table, names, onConflict)}`;
}

function stored({ type }: CopyColumn, value: unknown): string | number | null {
  if (value === null || value === undefined) return null;
  if (type === "json") return JSON.stringify(value);
  if (type === "boolean") return value === true ? 1 : 0;
  return value as string | number;
}

/** Makes the usage that was restored the usage of all events, and leaves a gap in the revisions: readers load anew. */
function finish(database: Database): void {
  database.run("update usage_through set row = (select coalesce(max(id), 0) from audit_events)");
  database.run(`
    insert into changes (revision, kind, id, operation, at)
    select coalesce(max(revision), 0) + 2, 'restore', '', 'update', 0 from changes`);
  database.run("delete from changes where revision < (select max(revision) from changes)");
}
