import postgres from "postgres";
import { expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { event, row } from "../../../../contract/store-fixtures.ts";
import { freshDatabase } from "../../../../postgres.ts";

const now = () => 1_700_000_000_000;

function client(url: string): postgres.Sql {
  const { pathname, searchParams } = new URL(url);
  const options = { host: searchParams.get("host")!, user: "postgres", database: pathname.slice(1) };
  const sql = postgres({ ...options, max: 1, onnotice: () => {} });
  onTestFinished(() => sql.end());
  return sql;
}

it("the tables are in the first schema of the search path, whoever sets it, and nothing is in public", async () => {
  const url = await freshDatabase();
  const sql = client(url);
  await sql`create schema own`;
  await sql`create schema other`;
  for (const [schema, parameter] of [
    ["own", "search_path=own"],
    ["other", `options=${encodeURIComponent("-c search_path=other")}`],
  ]) {
    const store = await openStore({ url: `${url}&${parameter}`, now });
    onTestFinished(() => store.close());
    await store.commit([{ op: "insert", row: row(`in-${schema}`), refs: [] }]);
    expect((await store.load()).rows.map(({ name }) => name)).toEqual([`in-${schema}`]);
  }
  const schemas =
    await sql`select distinct schemaname from pg_tables where tablename = 'resources' order by 1`;
  expect(schemas.map(({ schemaname }) => schemaname)).toEqual(["other", "own"]);
});

it("a user without a schema to make tables in is told how to get one", async () => {
  const url = await freshDatabase();
  const sql = client(url);
  const user = `user_${crypto.randomUUID().replaceAll("-", "")}`;
  await sql.unsafe(`create role ${user} login; revoke all on schema public from public`);
  await expect(openStore({ url: url.replace("postgres@", `${user}@`), now })).rejects.toMatchObject({
    code: "unavailable",
    hint: expect.stringContaining("CREATE SCHEMA mcpctl"),
  });
});

it.each(["SQL_ASCII", "LATIN1"])(
  "a database of %s, that cannot store every text, is refused at the start, and nothing is made in it",
  async (encoding) => {
    const url = await freshDatabase();
    const name = `other_${crypto.randomUUID().replaceAll("-", "")}`;
    await client(url).unsafe(`create database ${name} encoding '${encoding}' template template0`);
    const other = url.replace(new URL(url).pathname, `/${name}`);
    await expect(openStore({ url: other, now })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`has the encoding ${encoding}, and mcpctl needs UTF8`),
    });
    expect(await client(other)`select tablename from pg_tables where schemaname = 'public'`).toEqual([]);
  },
);

it.each([
  [
    "a right to a table is taken away",
    (user: string) => `revoke insert on audit_events from ${user}`,
    (user: string) => `grant insert on audit_events to ${user}`,
    "refuses the server a right",
  ],
  [
    "the schema is renamed",
    () => "alter schema public rename to elsewhere",
    () => "alter schema elsewhere rename to public",
    "tables of the server are missing",
  ],
  [
    "the database is read-only by default",
    (user: string) => `alter role ${user} set default_transaction_read_only = on`,
    (user: string) => `alter role ${user} reset default_transaction_read_only`,
    "read-only",
  ],
])(
  "writes fail with the reason while %s, and succeed when it is undone (failure mode 263)",
  async (_, take, give, reason) => {
    const url = await freshDatabase();
    const sql = client(url);
    const user = `user_${crypto.randomUUID().replaceAll("-", "")}`;
    await sql.unsafe(`create role ${user} login; grant all on schema public to ${user}`);
    const store = await openStore({ url: url.replace("postgres@", `${user}@`), now });
    onTestFinished(() => store.close());
    await store.appendAudit([event(1)]);
    // What a role has set counts from the next connection on.
    const anew = () => sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${user}`;
    const written = () =>
      store.appendAudit([event(2)]).then(
        () => "written",
        (error) => `${error.refusal}: ${error.reason}`,
      );
    await sql.unsafe(take(user));
    await anew();
    await expect.poll(written).toContain(reason);
    expect(await written()).toMatch(/^unavailable: /);
    await sql.unsafe(give(user));
    await anew();
    await expect.poll(written).toBe("written");
  },
);

it("a user whose role makes transactions read-only is told at the start", async () => {
  const url = await freshDatabase();
  const sql = client(url);
  const user = `user_${crypto.randomUUID().replaceAll("-", "")}`;
  await sql.unsafe(`
    create role ${user} login; grant all on schema public to ${user};
    alter role ${user} set default_transaction_read_only = on`);
  await expect(openStore({ url: url.replace("postgres@", `${user}@`), now })).rejects.toMatchObject({
    code: "unavailable",
    hint: expect.stringContaining("read-only"),
  });
});
