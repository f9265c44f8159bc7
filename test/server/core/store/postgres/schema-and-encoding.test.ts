import postgres from "postgres";
import { expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { row } from "../../../../contract/store-fixtures.ts";
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

it("a database that cannot store every text is refused at the start, and nothing is made in it", async () => {
  const url = await freshDatabase();
  const name = `ascii_${crypto.randomUUID().replaceAll("-", "")}`;
  await client(url).unsafe(`create database ${name} encoding 'SQL_ASCII' template template0`);
  const other = url.replace(new URL(url).pathname, `/${name}`);
  await expect(openStore({ url: other, now })).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("has the encoding SQL_ASCII, and mcpctl needs UTF8"),
  });
  expect(await client(other)`select tablename from pg_tables where schemaname = 'public'`).toEqual([]);
});
