import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import postgres from "postgres";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { writeLock } from "../../../../../src/server/core/store/postgres/open.ts";
import { openPostgres } from "../../../../../src/server/core/store/postgres/store.ts";
import type { Store } from "../../../../../src/server/core/store/types.ts";
import { event, insert, row, session } from "../../../../contract/store-fixtures.ts";
import { databaseWithTables } from "../../../../postgres.ts";

const now = () => 1_700_000_000_000;

interface Client {
  other: Socket<unknown> | undefined;
  waiting: Buffer[];
}

/** A Unix socket in front of a database, which cuts every connection when so many messages have passed. */
function cutter(url: string) {
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-cut-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const database = new URL(url);
  const target = join(database.searchParams.get("host")!, ".s.PGSQL.5432");
  let left = Number.POSITIVE_INFINITY;
  let passed = 0;
  const pairs = new Set<Socket<Client>>();
  let isStopped = false;
  let stopsAfter = Number.POSITIVE_INFINITY;
  const pass = (to: Socket<unknown> | undefined, bytes: Buffer, keep: Buffer[]) => {
    if (passed >= stopsAfter) isStopped = true;
    if (isStopped) return;
    passed++;
    if (left-- <= 0) {
      for (const socket of pairs) {
        socket.data.other?.terminate();
        socket.terminate();
      }
      return;
    }
    if (to) to.write(bytes);
    else keep.push(bytes);
  };
  const server = Bun.listen<Client>({
    unix: join(folder, ".s.PGSQL.5432"),
    socket: {
      async open(client) {
        client.data = { other: undefined, waiting: [] };
        pairs.add(client);
        const other = await Bun.connect({
          unix: target,
          socket: {
            data: (_, bytes) => pass(client, Buffer.from(bytes), []),
            close: () => void (isStopped || client.end()),
          },
        });
        client.data.other = other;
        for (const bytes of client.data.waiting.splice(0)) other.write(bytes);
      },
      data: (client, bytes) => pass(client.data.other, Buffer.from(bytes), client.data.waiting),
      close(client) {
        pairs.delete(client);
        if (!isStopped) client.data?.other?.end();
      },
    },
  });
  onTestFinished(() => server.stop(true));
  return {
    url: `postgres://postgres@localhost${database.pathname}?host=${folder}`,
    /** Lets so many messages through from now on, in either direction. */
    cutAfter(messages: number) {
      left = messages;
      passed = 0;
    },
    passed: () => passed,
    /** Drops everything when so many messages have passed, in either direction. Connections stay open. */
    stopAfter(messages: number) {
      stopsAfter = messages;
      passed = 0;
    },
    /** Drops everything from now on, or no more; connections stay open. */
    stop(stopped: boolean) {
      isStopped = stopped;
    },
  };
}

describe("a PostgreSQL that does not answer (failure mode 76)", () => {
  it("fails every kind of query after the timeout, and is used again when it answers", async () => {
    const url = await databaseWithTables();
    const way = cutter(url);
    const store = await openPostgres(way.url, now, { timeout: 2000 });
    onTestFinished(() => store.close());
    const insert = (name: string) => store.commit([{ op: "insert", row: row(name), refs: [] }]);
    const names = async () => (await store.load()).rows.map(({ name }) => name).sort();
    // A write on a busy machine can take longer than that; it is stored even so, or the next one is.
    const stored = async (name: string) => {
      await insert(name).catch(() => {});
      return names().catch(() => []);
    };
    await expect.poll(() => stored("before")).toEqual(["before"]);
    way.stop(true);
    const unavailable = { name: "StoreError", refusal: "unavailable" };
    // More than there are connections: those in line fail as well.
    const calls = Array.from({ length: 30 }, (_, n) => [
      () => insert(`lost-${n}`),
      () => store.ping(),
      () => store.load(),
      () => store.appendAudit([event(n)]),
      () => store.appendAudit([]),
    ]).flat();
    const outcomes = await Promise.allSettled(calls.map((call) => call()));
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: "rejected", reason: unavailable });
    way.stop(false);
    await expect.poll(() => store.ping().then(() => "answers", String)).toBe("answers");
    await expect.poll(() => stored("after")).toEqual(["after", "before"]);
  });
});

it("is left for the next host when it does not answer, while it runs and at the start (failure mode 234)", async () => {
  const url = await databaseWithTables();
  const way = cutter(url);
  // As after a failover whose old primary was cut off: the next host is the same database here.
  const [silent, next] = [way.url, url].map((one) => new URL(one).searchParams.get("host")!);
  const both = `${way.url.split("?")[0]}?host=${silent},${next}&connect_timeout=1`;
  const open = () => openPostgres(both, now, { timeout: 3000 });
  const store = await open();
  onTestFinished(() => store.close());
  const insert = (id: string) => store.commit([{ op: "insert", row: row(id), refs: [] }]);
  await insert("before");
  way.stop(true);
  let n = 0;
  await expect.poll(() => insert(`row-${n++}`).then(() => "written", String)).toBe("written");
  // It stays there.
  for (let time = 0; time < 3; time++)
    expect(await store.ping().then(() => "answers", String)).toBe("answers");
  const later = await open();
  onTestFinished(() => later.close());
  await later.ping();
});

/**
 * Ends what PostgreSQL before version 17 has no limit for: a transaction that waits for the rest of a statement. TCP would
 * find it, and a Unix socket does not.
 */
async function endUnlimited(url: string): Promise<void> {
  const { searchParams, pathname } = new URL(url);
  const database = pathname.slice(1);
  const sql = postgres({ host: searchParams.get("host")!, user: "postgres", database, max: 1 });
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where current_setting('server_version_num')::int < 170000 and datname = current_database()
      and state = 'active' and wait_event = 'ClientRead'`;
  await sql.end();
}

describe("a server that vanishes within a transaction (failure mode 202)", () => {
  const timeout = 300;
  const call = (at: number) => event(at, { action: "llm_inference_call", userId: "u", llm: "m" });
  const thread = { id: "t", agentId: "a", ownerId: "u", title: "", createdAt: 1, updatedAt: 1 };
  const kinds: Record<string, (store: Store, n: number) => Promise<unknown>> = {
    "a commit": (store, n) => store.commit([{ op: "insert", row: row(`r-${n}`), refs: [] }]),
    usage: (store, n) => store.appendAudit([call(n)]),
    "a look at the audit log": (store, n) => store.auditTail(undefined, { limit: n }),
    "a thread": (store, n) =>
      store.addThread({ ...thread, id: `t-${n}` }, { op: "ifPassword", userId: "u", hash: null }),
    "a message": (store) => store.appendToThread("t", [{ role: "user", content: "hi" }], 2),
  };
  /** Vanishes after each message of a write in turn. Returns how many messages it has. */
  async function tried(what: string): Promise<number> {
    const write = kinds[what]!;
    const written = (work: () => Promise<unknown>) =>
      expect
        .poll(() => work().then(() => "written", String), {
          message: `after a server has vanished within ${what}`,
        })
        .toBe("written");
    const url = await databaseWithTables();
    const maker = await openPostgres(url, now);
    await maker.commit(["a", "u"].map((id) => ({ op: "insert", row: row(id), refs: [] })));
    await maker.addThread(thread);
    await write(maker, 1);
    await maker.close();
    const other = await openPostgres(url, now, { timeout });
    onTestFinished(() => other.close());
    let next = 100;
    for (let messages = 1; ; messages++) {
      const way = cutter(url);
      const store = await openPostgres(way.url, now, { timeout });
      onTestFinished(() => store.close());
      way.stopAfter(messages);
      const isDone = await write(store, 10 + messages).then(
        () => true,
        () => false,
      );
      await endUnlimited(url);
      // Each attempt writes something else: one that was late may be stored even so.
      await written(() => write(other, next++));
      await written(() => other.appendAudit([call(next++)]));
      if (isDone) return messages;
    }
  }
  it("holds up the writes of others no longer than a query may take", async () => {
    const messages = await Promise.all(Object.keys(kinds).map(tried));
    for (const count of messages) expect(count).toBeGreaterThan(5);
  });
});

describe("a connection to PostgreSQL that is cut", () => {
  it.each([
    ["a commit", false],
    ["an append to the audit log", true],
  ])(
    "at any message of %s leaves all of it or nothing, and nothing acknowledged is lost",
    async (_what, isAudit) => {
      const url = await databaseWithTables();
      const way = cutter(url);
      const direct = await openStore({ url, now });
      onTestFinished(() => direct.close());
      const store = await openStore({ url: way.url, now });
      onTestFinished(() => store.close());
      const write = (n: number): Promise<unknown> =>
        isAudit
          ? store.appendAudit([event(2 * n), event(2 * n + 1)])
          : store.commit([
              { op: "insert", row: row(`a-${n}`), refs: [] },
              { op: "insert", row: row(`b-${n}`), refs: [] },
            ]);
      const stored = async (n: number) => {
        if (!isAudit) return (await direct.load()).rows.filter(({ name }) => name.endsWith(`-${n}`)).length;
        const ids = new Set([2 * n, 2 * n + 1].map((at) => event(at).requestId));
        return (await direct.queryAudit({ limit: 1000 })).filter(({ requestId }) => ids.has(requestId))
          .length;
      };
      await write(1);
      let cuts = 0;
      for (let messages = 0, whole = false; !whole; messages++) {
        const n = messages + 10;
        way.cutAfter(messages);
        const outcome = await write(n).then(
          () => "acknowledged",
          (error) => error,
        );
        whole = way.passed() <= messages;
        way.cutAfter(Number.POSITIVE_INFINITY);
        if (outcome !== "acknowledged") {
          expect(outcome).toMatchObject({ name: "StoreError", refusal: "unavailable" });
          cuts++;
        }
        const count = await stored(n);
        expect([0, 2], `after ${messages} messages`).toContain(count);
        if (outcome === "acknowledged") expect(count, `after ${messages} messages`).toBe(2);
        // The next write finds a connection again.
        await expect.poll(() => write(n + 1000).then(() => "written", String)).toBe("written");
      }
      expect(cuts).toBeGreaterThan(5);
    },
  );
});

describe("a write with a condition", () => {
  it("waits for a commit that is about to end what it needs, and is refused then (T350)", async () => {
    const url = await databaseWithTables();
    const store = await openStore({ url, now });
    onTestFinished(() => store.close());
    await store.commit([
      insert("user", { kind: "user" }),
      insert("persona", { kind: "agent" }),
      { op: "insertSession", session: session("s", "user") },
    ]);
    const other = postgres(url.split("?")[0]!, {
      host: new URL(url).searchParams.get("host")!,
      max: 1,
    });
    onTestFinished(() => other.end());
    const made = await other.begin(async (ending) => {
      await ending`select pg_advisory_xact_lock(${writeLock})`;
      await ending`delete from sessions where id = 's'`;
      await ending`delete from threads where owner_id = 'user'`;
      const thread = { id: "t", agentId: "persona", ownerId: "user", title: "", createdAt: 1, updatedAt: 1 };
      const late = store.addThread(thread, { op: "ifStanding", rows: ["user"], sessions: ["s"] });
      const refused = late.then(
        () => "stored",
        (error) => error.refusal,
      );
      const waits = async () =>
        (await ending`select 1 from pg_locks where locktype = 'advisory' and not granted`).length;
      await expect.poll(waits).toBe(1);
      return [refused];
    });
    expect(await made[0]).toBe("ended");
    expect(await store.thread("t")).toBeNull();
  });
});
