import { Database } from "bun:sqlite";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { migrations as postgresSteps } from "../../../../drizzle/postgres/migrations.ts";
import { migrations as sqliteSteps } from "../../../../drizzle/sqlite/migrations.ts";
import type { Migration } from "../../../../src/server/core/store/migration.ts";
import { openPostgres } from "../../../../src/server/core/store/postgres/store.ts";
import { openSqlite } from "../../../../src/server/core/store/sqlite/store.ts";
import type { Row, Store } from "../../../../src/server/core/store/types.ts";
import { version } from "../../../../src/version.ts";
import { row } from "../../../contract/store-fixtures.ts";
import { freshDatabase } from "../../../postgres.ts";
import { freshFolder } from "./folder.ts";

const now = () => 1_700_000_000_000;
const root = join(import.meta.dirname, "../../../../drizzle");

describe.each([
  ["sqlite", sqliteSteps],
  ["postgres", postgresSteps],
])("the migrations in drizzle/%s", (dialect, steps) => {
  const folder = join(root, dialect);
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));

  it("are all embedded in the executable, unchanged", () => {
    const stored = files.sort().map((file) => ({
      name: file.replace(".sql", ""),
      sql: readFileSync(join(folder, file), "utf8"),
    }));
    expect(steps).toEqual(stored);
  });

  it("are in the order in which they were made", () => {
    const { entries } = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8"));
    expect(steps.map(({ name }) => name)).toEqual(entries.map(({ tag }: { tag: string }) => tag));
  });
});

it("all tables of SQLite are STRICT", () => {
  for (const { sql } of sqliteSteps) {
    const made = sql.match(/create table/gi)?.length ?? 0;
    expect(sql.match(/^\) STRICT;/gm)?.length ?? 0).toBe(made);
  }
});

/** A step that a later mcpctl might take. */
const later: Migration = {
  name: "9999_later",
  sql: 'create table "later" ("id" text primary key not null); alter table "resources" add column "colour" text',
};

/** The hint of the error that some work throws. */
function hintOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { hint?: string }).hint ?? "";
  }
  return "";
}

interface Place {
  open(steps: readonly Migration[]): Promise<Store>;
}

const dialects: [string, readonly Migration[], () => Promise<Place>][] = [
  [
    "SQLite",
    sqliteSteps,
    async () => {
      const path = join(freshFolder(), "mcpctl.db");
      return { open: async (steps) => openSqlite(path, now, { steps }) };
    },
  ],
  [
    "Postgres",
    postgresSteps,
    async () => {
      const url = await freshDatabase();
      return { open: (steps) => openPostgres(url, now, { steps }) };
    },
  ],
];

describe.each(dialects)("a %s database", (_dialect, steps, fresh) => {
  it("is migrated with all its data", async () => {
    const { open } = await fresh();
    const old = await open(steps);
    await old.commit([
      { op: "insert", row: row("a"), refs: [] },
      { op: "insert", row: row("b"), refs: [{ path: "/a", toId: "a", onDelete: "restrict" }] },
    ]);
    const before = await old.load();
    await old.close();
    const store = await open([...steps, later]);
    expect(await store.load()).toEqual(before);
    expect(await store.commit([{ op: "update", row: row("b", { version: 2 }), refs: [] }])).toBe(3);
    await store.close();
  });

  it("from before there were several backends keeps its secrets, each on its backend", async () => {
    const { open } = await fresh();
    const [tables, ...later] = steps as [Migration, ...Migration[]];
    // As that version wrote them, one of them left behind by a crash.
    const resource = (id: string, kind: string, spec: object, status: object) =>
      `('${id}', '${kind}', '', '${id}', '${JSON.stringify(spec)}', '${JSON.stringify(status)}', 1, 1, 1)`;
    const secret = (id: string, backend: string) =>
      resource(id, "secret", { backend }, { externalRef: `${id}/ver_1` });
    const rows = [
      ...["sbe_1", "sbe_2"].map((id) => resource(id, "secretbackend", {}, {})),
      secret("sec_1", "sbe_1"),
      secret("sec_2", "sbe_2"),
    ];
    const values = ["sec_1/ver_1", "sec_2/ver_1", "sec_2/ver_0"].map(
      (ref) => `('${ref}', '{"k":"${ref}"}', 1)`,
    );
    const written = {
      name: "0000_written",
      sql: `
        insert into resources (id, kind, scope, name, spec, status, version, created_at, updated_at) values ${rows};
        insert into secret_data (ref, data, created_at) values ${values}`,
    };
    const store = await open([tables, written, ...later]);
    expect(await store.secretRefs("sbe_1")).toEqual(["sec_1/ver_1"]);
    expect(await store.secretRefs("sbe_2")).toEqual(["sec_2/ver_1"]);
    expect(await store.secretData("sec_2/ver_1")).toEqual({ k: "sec_2/ver_1" });
    expect(await store.secretData("sec_2/ver_0")).toBeNull();
    await store.close();
  });

  it("from before names of tokens were their owners' own keeps its tokens, and takes a second one of a name", async () => {
    const { open } = await fresh();
    const token = (id: string, fields: Partial<Row> = {}) =>
      row(id, { kind: "token", name: "laptop", ...fields });
    const isNew = ({ name }: Migration) => name.endsWith("token_names");
    const old = await open(steps.filter((step) => !isNew(step)));
    const first = token("tok_1", { owner: "usr_1" });
    await old.commit([{ op: "insert", row: first, refs: [] }]);
    await expect(
      old.commit([{ op: "insert", row: token("tok_2", { owner: "usr_2" }), refs: [] }]),
    ).rejects.toMatchObject({ refusal: "taken" });
    await old.close();
    const store = await open(steps);
    expect((await store.load()).rows).toEqual([first]);
    const insert = (row: Row) => store.commit([{ op: "insert", row, refs: [] }]);
    const llm = (owner: string) => row(`llm_${owner}`, { name: "gpt", owner });
    await insert(token("tok_2", { owner: "usr_2" }));
    await insert(token("tok_3", { owner: "usr_2", scope: "website" }));
    await insert(llm("usr_1"));
    for (const second of [token("tok_4", { owner: "usr_2" }), llm("usr_2")])
      await expect(insert(second)).rejects.toMatchObject({ refusal: "taken" });
    await store.close();
  });

  it("from before names of deleted rows were kept has those that its audit log tells", async () => {
    const { open } = await fresh();
    const isNew = ({ name }: Migration) => name.endsWith("former_names");
    const written = {
      name: "0000_written",
      sql: [
        ["delete", { kind: "user", name: "alice", id: "usr_1" }],
        ["delete", { kind: "user" }],
        ["delete", null],
        ["create", { kind: "user", name: "bob", id: "usr_2" }],
      ]
        .map(([action, detail], index) => {
          const text = detail === null ? "null" : `'${JSON.stringify(detail)}'`;
          return `insert into audit_events (at, action, request_id, status, detail) values (${index + 5}, '${action}', 'r', 204, ${text})`;
        })
        .join(";"),
    };
    const store = await open([...steps.filter((step) => !isNew(step)), written, ...steps.filter(isNew)]);
    expect(await store.formerNames(["usr_1", "usr_2"])).toEqual([
      { id: "usr_1", kind: "user", name: "alice", owner: null, createdAt: 0, deletedAt: 5 },
    ]);
    await store.close();
  });

  it("is migrated once, also if two servers open it at the same time", async () => {
    const { open } = await fresh();
    for (let time = 0; time < 3; time++) await (await open(steps)).close();
    const opened = await Promise.allSettled([open([...steps, later]), open([...steps, later])]);
    const stores = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(stores.length).toBeGreaterThan(0);
    for (const store of stores) await store.close();
  });

  it("from a newer mcpctl is refused and not changed", async () => {
    const { open } = await fresh();
    const newer = await open([...steps, later]);
    await newer.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await newer.close();
    await expect(open(steps)).rejects.toMatchObject({
      name: "AppError",
      code: "unavailable",
      message: expect.stringContaining("was written by a newer mcpctl"),
      hint: expect.stringContaining("Upgrade mcpctl"),
    });
    const again = await open([...steps, later]);
    expect((await again.load()).rows).toEqual([row("a")]);
    await again.close();
  });

  it("keeps nothing of a failed migration, nor of those before it", async () => {
    const { open } = await fresh();
    const broken = {
      name: "9999_broken",
      sql: 'create table "half" ("id" text primary key not null); insert into nothing values (1)',
    };
    const middle = { name: "9998_middle", sql: 'create table "middle" ("id" text primary key not null)' };
    await expect(open([...steps, middle, broken])).rejects.toMatchObject({
      name: "AppError",
      message: expect.stringContaining("nothing"),
    });
    // Were one of the two tables still there, making it again would fail.
    const store = await open([
      ...steps,
      middle,
      { ...broken, sql: 'create table "half" ("id" text primary key not null)' },
    ]);
    expect((await store.load()).revision).toBe(0);
    await store.close();
  });
});

it("the last migration has the same name in both dialects: a backup tells it", () => {
  expect(sqliteSteps.at(-1)!.name).toBe(postgresSteps.at(-1)!.name);
});

describe("an SQLite file", () => {
  it("of zero bytes is a new database", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    writeFileSync(path, "");
    const store = openSqlite(path, now);
    expect(await store.commit([{ op: "insert", row: row("a"), refs: [] }])).toBe(1);
    await store.close();
  });

  it("is copied before it is migrated, and the last two copies are kept", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    const notes: string[] = [];
    const step = (name: string) => ({ name, sql: `create table "${name}" ("id" text primary key not null)` });
    const open = (...steps: Migration[]) =>
      openSqlite(path, now, { steps: [...sqliteSteps, ...steps], onMigrated: (text) => notes.push(text) });
    const first = open();
    await first.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await first.close();
    expect(notes).toEqual([]);
    writeFileSync(`${path}.before-0.0.1`, "old", { mode: 0o600 });
    writeFileSync(`${path}.before-0.0.2`, "old", { mode: 0o600 });
    utimesSync(`${path}.before-0.0.1`, 1, 1);
    utimesSync(`${path}.before-0.0.2`, 2, 2);
    const second = open(step("s1"));
    await second.commit([{ op: "insert", row: row("b"), refs: [] }]);
    await second.close();
    const copy = `${path}.before-${version.version}`;
    expect(notes).toEqual([
      `the database was migrated from ${sqliteSteps.at(-1)!.name}, of mcpctl ${version.version}, to s1; a copy from before it: ${copy}`,
    ]);
    expect(
      readdirSync(folder)
        .filter((name) => name.includes("before"))
        .sort(),
    ).toEqual(["mcpctl.db.before-0.0.2", basename(copy)]);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    // An older version says which one wrote it, and how to go back; that works.
    const older = () => openSqlite(path, now);
    expect(older).toThrow(`was written by a newer mcpctl ${version.version}: it has s1`);
    const [, back = ""] = /To go back[^:]*: (.*)\. Nothing was changed/.exec(hintOf(older)) ?? [];
    execFileSync("sh", ["-c", back]);
    const again = openSqlite(path, now);
    expect((await again.load()).rows.map(({ id }) => id)).toEqual(["a"]);
    await again.close();
  });

  it("is not migrated where it cannot be copied, and no half copy is left (failure mode 203)", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    await openSqlite(path, now).close();
    // A folder in the place of the copy.
    mkdirSync(`${path}.before-${version.version}/x`, { recursive: true });
    expect(() => openSqlite(path, now, { steps: [...sqliteSteps, later] })).toThrow();
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
    await openSqlite(path, now).close();
  });

  it("gets rid of half copies of any version, whose server was killed, and of nothing else (failure mode 203)", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    const half = ["0.9.0.part", "0.9.0.part-journal", "9.9.9.part"].map((end) => `mcpctl.db.before-${end}`);
    const kept = ["mcpctl.db.before-0.8.0", "mcpctl.db.before-0.8.0-partial", "other.db.before-1.part"];
    for (const name of [...half, ...kept]) writeFileSync(join(folder, name), "x");
    await openSqlite(path, now).close();
    expect(
      readdirSync(folder)
        .filter((name) => name.includes("before"))
        .sort(),
    ).toEqual(kept.sort());
  });

  it("from a newer mcpctl keeps every byte", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    await openSqlite(path, now, { steps: [...sqliteSteps, later] }).close();
    const before = readFileSync(path);
    expect(() => openSqlite(path, now)).toThrow("newer mcpctl");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("keeps its references when a migration rebuilds a table, and foreign keys are on afterwards", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    const old = openSqlite(path, now);
    const point = { path: "/a", toId: "a", onDelete: "restrict" as const };
    await old.commit([
      { op: "insert", row: row("a"), refs: [] },
      { op: "insert", row: row("b"), refs: [point] },
    ]);
    await old.close();
    const made = sqliteSteps[0]?.sql.match(/CREATE TABLE "resources" [^;]*;/)?.[0] ?? "";
    const rebuild = `${made.replace('"resources"', '"__new_resources"')}
      insert into "__new_resources" select * from "resources";
      drop table "resources"; alter table "__new_resources" rename to "resources";`;
    const store = openSqlite(path, now, { steps: [...sqliteSteps, { name: "9999_rebuild", sql: rebuild }] });
    expect(await store.load()).toMatchObject({
      rows: [{ id: "a" }, { id: "b" }],
      refs: [{ fromId: "b", ...point }],
    });
    await expect(store.commit([{ op: "delete", id: "a", version: 1 }])).rejects.toMatchObject({
      refusal: "referenced",
    });
    await store.close();
  });

  it("is refused if a migration would leave a dangling reference", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    const old = openSqlite(path, now);
    await old.commit([
      { op: "insert", row: row("a"), refs: [] },
      { op: "insert", row: row("b"), refs: [{ path: "/a", toId: "a", onDelete: "restrict" }] },
    ]);
    await old.close();
    const careless = { name: "9999_careless", sql: "delete from resources where id = 'a'" };
    expect(() => openSqlite(path, now, { steps: [...sqliteSteps, careless] })).toThrow("damaged");
    using database = new Database(path, { readonly: true });
    expect(database.query("select id from resources").values()).toEqual([["a"], ["b"]]);
  });
});
