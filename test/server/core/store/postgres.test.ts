import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { openPostgres } from "../../../../src/server/core/store/postgres/store.ts";
import type { Store } from "../../../../src/server/core/store/types.ts";
import { storeContract } from "../../../contract/store.ts";
import { event, row } from "../../../contract/store-fixtures.ts";
import { databaseWithTables, emptyTables, freshDatabase } from "../../../postgres.ts";

const now = () => 1_700_000_000_000;

let shared: string | undefined;

storeContract("Postgres store", async () => {
  shared ??= await databaseWithTables();
  const url = shared;
  await emptyTables(url);
  // On a busy machine, dozens of commits at once take longer than a server waits for one.
  return () => openPostgres(url, now, { timeout: 120_000 });
});

describe("a PostgreSQL database", () => {
  const open = async (url: string): Promise<Store> => {
    const store = await openStore({ url, now });
    onTestFinished(() => store.close());
    return store;
  };

  const ask = async <T>(url: string, question: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
    const [base, query] = url.split("?");
    const sql = postgres(base ?? "", {
      host: new URLSearchParams(query).get("host") ?? "",
      max: 1,
      onnotice: () => {},
    });
    return await question(sql).finally(() => sql.end());
  };

  const nameOf = (url: string) => new URL(url).pathname.slice(1);

  const cutConnections = (url: string) =>
    ask(
      url,
      (sql) => sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'mcpctl'`,
    );

  it("is shared by several servers, whose changes have one order", async () => {
    const url = await databaseWithTables();
    const servers = await Promise.all([open(url), open(url), open(url)]);
    const revisions = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        servers[index % 3]?.commit([{ op: "insert", row: row(`row-${index}`), refs: [] }]),
      ),
    );
    expect(revisions.sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    expect(await servers[0]?.changesSince(0, 100)).toEqual(await servers[1]?.changesSince(0, 100));
  });

  describe("doorbell", () => {
    // The poll stands still unless told otherwise.
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }));
    afterEach(() => void vi.useRealTimers());

    /** Listens, and returns a function that waits for the next ring. */
    const listen = (store: Store) => {
      let rings = 0;
      let waiting = () => {};
      const stop = store.onDoorbell(() => {
        rings += 1;
        waiting();
      });
      const ring = () => new Promise<void>((resolve) => (waiting = resolve));
      return { stop, ring, count: () => rings };
    };

    it("rings when it is subscribed, and then when another server has written", async () => {
      const url = await databaseWithTables();
      const [one, two] = await Promise.all([open(url), open(url)]);
      const bell = listen(two);
      await bell.ring();
      const rung = bell.ring();
      await one.commit([{ op: "insert", row: row("a"), refs: [] }]);
      await rung;
      expect((await two.load()).revision).toBe(1);
    });

    it("does not ring for a refused commit, nor after it is unsubscribed", async () => {
      const url = await databaseWithTables();
      const [one, two] = await Promise.all([open(url), open(url)]);
      const [bell, witness] = [listen(two), listen(two)];
      await Promise.all([bell.ring(), witness.ring()]);
      const before = bell.count();
      await expect(one.commit([{ op: "delete", id: "none", version: 1 }])).rejects.toThrow("stale");
      bell.stop();
      const rung = witness.ring();
      await one.commit([{ op: "insert", row: row("a"), refs: [] }]);
      await rung;
      vi.advanceTimersByTime(10_000);
      expect(bell.count()).toBe(before);
    });

    it("rings every two seconds in any case, so that a lost ring does no harm (failure mode 68)", async () => {
      const store = await open(await databaseWithTables());
      const bell = listen(store);
      await bell.ring();
      const before = bell.count();
      vi.advanceTimersByTime(4_000);
      expect(bell.count()).toBe(before + 2);
      await store.close();
      vi.advanceTimersByTime(4_000);
      expect(bell.count()).toBe(before + 2);
    });
  });

  it("stores JSON as JSON, so that people can query it", async () => {
    const url = await databaseWithTables();
    const store = await open(url);
    await store.commit([
      { op: "insert", row: row("a", { spec: { url: "http://x" } }), refs: [] },
      { op: "putSecretData", ref: "r", backendId: "sbe_1", data: { KEY: "v" }, at: 1 },
      {
        op: "audit",
        event: {
          at: 1,
          action: "create",
          requestId: "r",
          userId: null,
          tokenId: null,
          status: 1,
          detail: { a: 1 },
        },
      },
    ]);
    const [types] = await ask(
      url,
      (sql) => sql`
        select spec ->> 'url' as url, jsonb_typeof(spec) as spec, jsonb_typeof(data) as data, jsonb_typeof(detail) as detail
        from resources, secret_data, audit_events`,
    );
    expect(types).toEqual({ url: "http://x", spec: "object", data: "object", detail: "object" });
  });

  it("is used again after its connections were cut", async () => {
    const url = await databaseWithTables();
    const store = await open(url);
    await cutConnections(url);
    // The first call may find the connection gone; that is said as what it is.
    await store.ping().catch((error: unknown) => expect(error).toMatchObject({ refusal: "unavailable" }));
    expect(await store.commit([{ op: "insert", row: row("a"), refs: [] }])).toBe(1);
  });

  it("can be read when it has become read-only, as a standby", async () => {
    const url = await databaseWithTables();
    const store = await open(url);
    await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await ask(url, (sql) =>
      sql.unsafe(`alter database ${nameOf(url)} set default_transaction_read_only = on`),
    );
    await cutConnections(url);
    await store.ping().catch(() => {});
    const insert = store.commit([{ op: "insert", row: row("b"), refs: [] }]);
    await expect(insert).rejects.toMatchObject({ name: "StoreError", refusal: "unavailable" });
    // A query on a connection that was cut may fail first.
    const read = () => store.load().then(({ rows }) => rows, String);
    await expect.poll(read).toEqual([row("a")]);
  });

  it("refuses writes as full when PostgreSQL is full, and accepts them afterwards (T71)", async () => {
    const url = await databaseWithTables();
    const store = await open(url);
    await ask(url, (sql) =>
      sql.unsafe(`
        create function fail() returns trigger language plpgsql as
          $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$;
        create trigger full_disk before insert on resources execute function fail();
        create trigger full_disk before insert on audit_events execute function fail()`),
    );
    const full = { name: "StoreError", refusal: "full" };
    const insert = () => store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await expect(insert()).rejects.toMatchObject(full);
    await expect(store.appendAudit([event(1)])).rejects.toMatchObject(full);
    expect(await store.load()).toMatchObject({ revision: 0, rows: [] });
    await ask(url, (sql) => sql.unsafe("drop function fail cascade"));
    expect(await insert()).toBe(1);
  });

  it("shows followers of the audit log no event before an earlier one that is still being written", async () => {
    const url = await databaseWithTables();
    const store = await open(url);
    await store.appendAudit([event(1)]);
    const { last } = await store.auditTail(undefined, { limit: 10 });
    await ask(url, (sql) =>
      sql.begin(async (slow) => {
        await slow`insert into audit_events (at, action, request_id, status) values (2, 'create', 'request-2', 200)`;
        await store.appendAudit([event(3)]);
        expect((await store.queryAudit({ limit: 1 }))[0]).toEqual(event(3));
        expect(await store.auditTail(last, { limit: 10 })).toEqual({ events: [], last });
      }),
    );
    const { events } = await store.auditTail(last, { limit: 10 });
    expect(events.map((one) => one.event)).toEqual([event(2), event(3)]);
  });

  it.each([
    ["no such database", "postgres://postgres@localhost/none"],
    ["no such user", "postgres://nobody:marked-password@localhost/postgres"],
    ["nobody listening", "postgres://me:marked-password@127.0.0.1:1/x"],
    ["no such host", "postgres://me:marked-password@nowhere.invalid/x"],
    ["not a URL", "postgres://me:marked-password@:::/x"],
  ])("is named without its password if it cannot be opened: %s", async (_why, url) => {
    const socket = new URL(await freshDatabase()).searchParams.get("host");
    const where = url.includes("@localhost") ? `${url}?host=${socket}` : url;
    const error: unknown = await openStore({ url: where, now }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: "AppError",
      message: expect.stringContaining(url.replace(/\/\/.*@/, "//")),
    });
    expect(Bun.inspect(error)).not.toContain("marked-password");
  });
});
