import { Database } from "bun:sqlite";
import { join } from "node:path";
import postgres from "postgres";
import { describe, expect, it, onTestFinished } from "vitest";
import { migrations as postgresSteps } from "../../../../drizzle/postgres/migrations.ts";
import { migrations as sqliteSteps } from "../../../../drizzle/sqlite/migrations.ts";
import type { Migration } from "../../../../src/server/core/store/migration.ts";
import { openPostgres } from "../../../../src/server/core/store/postgres/store.ts";
import { openSqlite } from "../../../../src/server/core/store/sqlite/store.ts";
import type { Store } from "../../../../src/server/core/store/types.ts";
import { row } from "../../../contract/store-fixtures.ts";
import { freshDatabase } from "../../../postgres.ts";
import { type EarlierValue, earlierRows, insertOf } from "./earlier-rows.ts";
import { freshFolder } from "./folder.ts";

const now = () => 1_700_000_000_000;

/** A database that no store has open. */
interface EarlierDatabase {
  steps: readonly Migration[];
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** The columns of each table. */
  columns(): Promise<Map<string, string[]>>;
  open(): Promise<Store>;
}

interface ColumnName {
  table_name: string;
  name: string;
}

function byTable(all: readonly ColumnName[]): Map<string, string[]> {
  const tables = new Map<string, string[]>();
  for (const { table_name: table, name } of all) tables.set(table, [...(tables.get(table) ?? []), name]);
  return tables;
}

const dialects: [string, readonly Migration[], () => Promise<EarlierDatabase>][] = [
  [
    "SQLite",
    sqliteSteps,
    async () => {
      const path = join(freshFolder(), "mcpctl.db");
      const using = <T>(work: (database: Database) => T): T => {
        const database = new Database(path, { create: true, readwrite: true });
        try {
          return work(database);
        } finally {
          database.close();
        }
      };
      return {
        steps: sqliteSteps,
        run: async (sql) => using((database) => void database.run(sql)),
        rows: async (sql) => using((database) => database.query<Record<string, unknown>, []>(sql).all()),
        columns: async () =>
          byTable(
            using((database) =>
              database
                .query<ColumnName, []>(
                  "select s.name as table_name, c.name as name from sqlite_schema s, pragma_table_info(s.name) c where s.type = 'table'",
                )
                .all(),
            ),
          ),
        open: async () => openSqlite(path, now),
      };
    },
  ],
  [
    "PostgreSQL",
    postgresSteps,
    async () => {
      const url = await freshDatabase();
      const { searchParams, pathname } = new URL(url);
      const sql = postgres({
        ...{ host: searchParams.get("host")!, username: "postgres", database: pathname.slice(1), max: 1 },
        // As numbers, which is how SQLite has them.
        types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
      });
      onTestFinished(() => sql.end());
      return {
        steps: postgresSteps,
        run: async (text) => void (await sql.unsafe(text)),
        rows: async (text) => [...(await sql.unsafe(text))],
        columns: async () =>
          byTable(
            await sql<ColumnName[]>`
            select table_name, column_name as name from information_schema.columns where table_schema = 'public'`,
          ),
        open: () => openPostgres(url, now),
      };
    },
  ],
];

/** Makes a database as the version that knew these steps has left it. */
async function fill(database: EarlierDatabase, steps: readonly Migration[]): Promise<void> {
  // Versions of then did not note their own.
  const table =
    'create table "schema_migrations" ("name" text primary key not null, "applied_at" bigint not null)';
  const done = steps.map(({ name }, i) => `insert into "schema_migrations" values ('${name}', ${i})`);
  await database.run([table, ...steps.map(({ sql }) => sql), ...done].join(";\n"));
  const columns = await database.columns();
  const inserts = Object.entries(earlierRows).flatMap(([name, rows]) =>
    rows.flatMap((one) => (columns.has(name) ? [insertOf(name, columns.get(name)!, one)] : [])),
  );
  await database.run(`begin; ${inserts.join(";\n")}; commit`);
}

/** A value as either dialect stores it. */
function plain(value: unknown): unknown {
  if (typeof value === "boolean") return Number(value);
  if (typeof value !== "string" || !/^[{[]/.test(value)) return value;
  return JSON.parse(value);
}

/** The rows that a schema has taken, by table, each with those columns. */
async function taken(database: EarlierDatabase): Promise<[string, string[], Record<string, unknown>[]][]> {
  const found: [string, string[], Record<string, unknown>[]][] = [];
  const all = await database.columns();
  for (const [table, rows] of Object.entries(earlierRows)) {
    const columns = all.get(table) ?? [];
    const kept = Object.keys(rows[0] ?? {}).filter((name) => columns.includes(name));
    if (kept.length === 0) continue;
    const expected = rows.map((one: Record<string, EarlierValue>) =>
      Object.fromEntries(kept.map((name) => [name, plain(one[name] ?? null)])),
    );
    found.push([table, kept, expected]);
  }
  return found;
}

/** Tables with positions and steps of the database itself. */
const ownTables = ["schema_migrations", "usage_through"];

describe.each(dialects)("a %s database of an earlier schema", (_dialect, all, fresh) => {
  it("has rows in every table here: a new table needs some in earlier-rows.ts", async () => {
    const database = await fresh();
    await (await database.open()).close();
    const tables = [...(await database.columns()).keys()].filter((name) => !/^sqlite_|^pg_/.test(name));
    expect(tables.filter((name) => !ownTables.includes(name) && !earlierRows[name])).toEqual([]);
  });

  it.each(all.map(({ name }, i) => [name, i + 1] as const))(
    "that ends with %s is upgraded with every row",
    async (_name, length) => {
      const database = await fresh();
      await fill(database, all.slice(0, length));
      const before = await taken(database);
      const store = await database.open();
      try {
        const { rows, bearers, sessions, withPassword, lastUsed, revision } = await store.load();
        expect(rows.map(({ id }) => id).sort()).toEqual(earlierRows["resources"]!.map(({ id }) => id).sort());
        expect([revision, bearers, withPassword]).toEqual([
          41,
          [{ hash: "hash-of-bearer", tokenId: "tok_1" }],
          ["usr_1"],
        ]);
        expect(sessions).toMatchObject([{ id: "ses_1", impersonatorId: null }]);
        expect(lastUsed).toEqual([{ tokenId: "tok_1", at: 1_690_000_000_002 }]);
        expect(await store.secretRefs("sbe_1")).toEqual(["sec_1/ver_1"]);
        expect(await store.secretData("sec_1/ver_1")).toEqual({ k: "value of k" });
        const days = { since: "2000-01-01", until: "2100-01-01" };
        const isSummedUp = before.some(([table]) => table === "usage");
        expect((await store.usage(days)).filter(({ day }) => day === "2023-07-01")).toMatchObject(
          isSummedUp ? [{ requests: 5, costMicros: 70 }] : [],
        );
        const threads = before.some(([table]) => table === "threads") ? 1 : 0;
        expect(await store.threadUse("usr_1")).toEqual({ threads, bytes: 30 * threads });
        // It is a database like any other.
        expect(await store.commit([{ op: "insert", row: row("llm_2"), refs: [] }])).toBe(42);
        await store.appendAudit([
          { at: now(), action: "x", requestId: "r", userId: null, tokenId: null, status: 1 },
        ]);
        expect(await store.queryAudit({ limit: 9 })).toHaveLength(4);
      } finally {
        await store.close();
      }
      for (const [table, columns, expected] of before) {
        const some = await database.rows(
          `select ${columns.map((name) => `"${name}"`).join(", ")} from "${table}"`,
        );
        const shown = some.map((one) =>
          Object.fromEntries(Object.entries(one).map(([name, value]) => [name, plain(value)])),
        );
        expect(shown, table).toEqual(expect.arrayContaining(expected));
      }
      // Names of what was deleted come from the log where nothing else has them.
      expect(await database.rows(`select "name" from "former_names"`)).toEqual([{ name: "old" }]);
      const names = await database.rows('select "name" from "schema_migrations" order by "name"');
      expect(names.map(({ name }) => name)).toEqual(all.map(({ name }) => name).sort());
    },
  );
});
