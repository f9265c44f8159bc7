import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { openPostgres } from "../../../../../src/server/core/store/postgres/store.ts";
import type { Store } from "../../../../../src/server/core/store/types.ts";
import { storeContract } from "../../../../contract/store.ts";
import { event, row } from "../../../../contract/store-fixtures.ts";
import { databaseWithTables, emptyTables, freshDatabase } from "../../../../postgres.ts";
import { hasPgBouncer, pgBouncer } from "../../../../support/pgbouncer.ts";

const now = () => 1_700_000_000_000;

describe.runIf(hasPgBouncer)("a database behind PgBouncer in transaction mode (failure mode 75)", () => {
  const open = async (url: string): Promise<Store> => {
    const store = await openStore({ url, now });
    onTestFinished(() => store.close());
    return store;
  };

  it("a store behind a pooler keeps every acknowledged write of two servers", async () => {
    const url = await freshDatabase();
    const pooled = await pgBouncer(url);
    const servers = [await open(pooled), await open(pooled)];
    for (let round = 0; round < 3; round++) {
      const names = Array.from({ length: 50 }, (_, n) => `row-${round}-${n}`);
      const writes = names.map((name, n) =>
        servers[n % 2]!.commit([{ op: "insert", row: row(name), refs: [] }]),
      );
      const events = names.map((_, n) => servers[n % 2]!.appendAudit([event(round * 50 + n + 1)]));
      await Promise.all([...writes, ...events]);
    }
    const direct = await open(url);
    const { rows, revision } = await direct.load();
    expect(rows).toHaveLength(150);
    expect(revision).toBe(150);
    expect(await direct.queryAudit({ limit: 1000 })).toHaveLength(150);
  });
});

let shared: string | undefined;

if (hasPgBouncer)
  storeContract("Postgres store behind PgBouncer", async () => {
    shared ??= await databaseWithTables();
    await emptyTables(shared);
    const url = await pgBouncer(shared);
    return () => openPostgres(url, now, { timeout: 120_000 });
  });
