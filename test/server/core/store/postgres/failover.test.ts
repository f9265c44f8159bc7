import postgres from "postgres";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { openPostgres } from "../../../../../src/server/core/store/postgres/store.ts";
import { row } from "../../../../contract/store-fixtures.ts";
import { freshDatabase } from "../../../../postgres.ts";

const now = () => 1_700_000_000_000;

/** Runs statements on a database, outside the store. */
async function ask(url: string, ...statements: string[]): Promise<void> {
  const { pathname, searchParams } = new URL(url);
  const sql = postgres({
    host: searchParams.get("host")!,
    user: "postgres",
    database: pathname.slice(1),
    max: 1,
    onnotice: () => {},
  });
  for (const statement of statements) await sql.unsafe(statement);
  await sql.end();
}

const nameOf = (url: string) => new URL(url).pathname.slice(1);

/** Makes a database a standby, or a primary again, for new sessions. */
const demote = (url: string, isStandby: boolean) =>
  ask(
    url,
    "set default_transaction_read_only = off",
    `alter database ${nameOf(url)} set default_transaction_read_only = ${isStandby ? "on" : "off"}`,
  );

/** Ends the sessions of the server, as a failover does. */
const endSessions = (url: string) =>
  ask(
    url,
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'mcpctl'",
  );

const readOnly = {
  name: "StoreError",
  refusal: "unavailable",
  reason: "the database is read-only: it may be a standby",
};

describe("a PostgreSQL that becomes a standby (failure mode 99)", () => {
  it("is left for the new primary, although the connections to it still work", async () => {
    const url = await freshDatabase();
    const warnings: string[] = [];
    const store = await openStore({ url, now, onWarning: (text) => warnings.push(text) });
    onTestFinished(() => store.close());
    const insert = (name: string) => store.commit([{ op: "insert", row: row(name), refs: [] }]);
    await insert("a");
    await demote(url, true);
    await endSessions(url);
    await store.ping().catch(() => {});
    // Sessions that are read-only for as long as they live, although the database accepts writes again.
    await expect(store.ping()).rejects.toMatchObject(readOnly);
    await expect(store.appendAudit([])).rejects.toMatchObject(readOnly);
    await store.load();
    await demote(url, false);
    await expect.poll(() => store.ping().then(() => "writes", String)).toBe("writes");
    await expect.poll(() => insert("b").then(() => "written", String)).toBe("written");
    expect((await store.load()).rows.map(({ name }) => name).sort()).toEqual(["a", "b"]);
    expect(warnings.join("\n")).toContain("PostgreSQL: 25006");
  });

  it("drops the connection of a write that it refuses, so that the next one finds the new primary", async () => {
    const url = await freshDatabase();
    const store = await openStore({ url, now });
    onTestFinished(() => store.close());
    await demote(url, true);
    await endSessions(url);
    await store.ping().catch(() => {});
    const insert = (name: string) => store.commit([{ op: "insert", row: row(name), refs: [] }]);
    await expect(insert("a")).rejects.toMatchObject(readOnly);
    await demote(url, false);
    expect(await insert("b")).toBe(1);
  });

  it("is refused at the start, and of several hosts the first is used that can be reached", async () => {
    const [standby, primary] = [await freshDatabase(), await freshDatabase()];
    const host = new URL(primary).searchParams.get("host")!;
    const store = await openPostgres(`postgres://postgres@/${nameOf(primary)}?host=/nowhere,${host}`, now);
    onTestFinished(() => store.close());
    await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await endSessions(primary);
    await expect.poll(() => store.ping().then(() => "writes", String)).toBe("writes");
    await demote(standby, true);
    await expect(
      openPostgres(`postgres://postgres@/${nameOf(standby)}?host=${host}`, now),
    ).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("25006"),
      hint: expect.stringContaining("list all hosts"),
    });
  });
});
