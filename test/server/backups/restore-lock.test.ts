import { join } from "node:path";
import postgres from "postgres";
import { describe, expect, it, onTestFinished } from "vitest";
import { copyTables } from "../../../src/server/core/store/copy-tables.ts";
import { openPostgres } from "../../../src/server/core/store/postgres/store.ts";
import { openSqlite } from "../../../src/server/core/store/sqlite/store.ts";
import type { Store } from "../../../src/server/core/store/types.ts";
import { row } from "../../contract/store-fixtures.ts";
import { databaseWithTables } from "../../postgres.ts";
import { passes } from "../../support/passes.ts";
import { testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const dialects: [name: string, open: (onWarning: (text: string) => void) => Store | Promise<Store>][] = [
  [
    "SQLite",
    (onWarning) => openSqlite(join(temporaryFolder(), "mcpctl.db"), Date.now, { onWarning, lockTimeout: 20 }),
  ],
  [
    "PostgreSQL",
    async (onWarning) => openPostgres(await databaseWithTables(), Date.now, { onWarning, timeout: 5000 }),
  ],
];

describe.each(dialects)("a restore on %s that takes longer than writes wait", (_, open) => {
  it("is what callers are told, and is not logged as a failure of the database (failure mode 272)", async () => {
    const warnings: string[] = [];
    const store = await open((text) => warnings.push(text));
    let isFilling = false;
    const failed = Promise.withResolvers<unknown>();
    // One write of the background work that has waited in vain.
    const prune: Store["prune"] = (...times) =>
      store.prune(...times).catch((error: unknown) => {
        if (isFilling) failed.resolve(error);
        throw error;
      });
    const server = await testServer({ store: { ...store, prune }, tick: 200 });
    await store.fill(async () => {
      isFilling = true;
      expect(await failed.promise).toMatchObject({ reason: "a backup is being restored" });
      expect(await server.admin("POST", "/api/v1/groups", { name: "g" })).toMatchObject({
        status: 503,
        body: { error: "a backup is being restored" },
      });
      expect((await server.admin("GET", "/api/v1/groups")).body).toEqual([]);
      const logged = [...warnings, ...server.logged];
      expect(logged.filter((line) => /failed|locked|answer/.test(line))).toEqual([]);
    }, false);
    await passes(async () =>
      expect((await server.admin("POST", "/api/v1/groups", { name: "g" })).status).toBe(201),
    );
  });
});

it("lets a backup on PostgreSQL go on whose reader pauses while a query of others gets no answer (failure mode 273)", async () => {
  const url = await databaseWithTables();
  const store = await openPostgres(url, Date.now, { timeout: 3000 });
  onTestFinished(() => store.close());
  await store.commit([{ op: "insert", row: row("first"), refs: [] }]);
  const copy = await store.copy();
  const { hostname, port, pathname, username, searchParams } = new URL(url);
  const locker = postgres({
    host: searchParams.get("host") ?? hostname,
    port: Number(port),
    database: pathname.slice(1),
    username,
    max: 1,
  });
  onTestFinished(() => locker.end());
  await locker.begin(async (sql) => {
    await sql`lock table sessions in access exclusive mode`;
    await expect(store.load()).rejects.toMatchObject({ refusal: "unavailable" });
  });
  const lines: string[] = [];
  for await (const some of copy.lines(copyTables.find(({ name }) => name === "resources")!))
    lines.push(...some);
  expect(lines).toEqual([expect.stringContaining('"first"')]);
  await copy.close();
});
