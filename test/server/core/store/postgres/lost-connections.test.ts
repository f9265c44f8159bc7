import { mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../../../../src/server/core/store/index.ts";
import { refusal } from "../../../../../src/server/core/store/postgres/refusal.ts";
import { StoreError } from "../../../../../src/server/core/store/types.ts";
import { row } from "../../../../contract/store-fixtures.ts";
import { freshDatabase } from "../../../../postgres.ts";
import { hasPgBouncer, pgBouncer } from "../../../../support/pgbouncer.ts";

const now = () => 1_700_000_000_000;

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-lost-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a store, and returns how its writes and reads end: the words of their errors. */
async function openWriter(url: string) {
  const store = await openStore({ url, now });
  onTestFinished(() => store.close());
  let count = 0;
  const told = (error: unknown) => String(error instanceof Error ? (error.cause ?? error) : error);
  const insert = () =>
    store.commit([{ op: "insert", row: row(`row-${count++}`), refs: [] }]).then(() => "stored", told);
  const ping = () => store.ping().then(() => "answers", told);
  return {
    insert,
    ping,
    many: () => Promise.all(Array.from({ length: 12 }, () => [insert(), ping()]).flat()),
    names: async () => (await store.load()).rows.length,
  };
}

describe("connections to PostgreSQL that are lost, many at once (failure mode 249)", () => {
  it("leave no connection behind on which nothing is ever sent again", async () => {
    const url = await freshDatabase();
    const { many, names } = await openWriter(url);
    const { searchParams, pathname } = new URL(url);
    const operator = postgres({ host: searchParams.get("host")!, user: "postgres", database: "postgres" });
    onTestFinished(() => operator.end());
    const outcomes: string[] = [];
    for (let round = 0; round < 6; round++) {
      const writes = many();
      await operator`
        select pg_terminate_backend(pid) from pg_stat_activity where datname = ${pathname.slice(1)}`;
      outcomes.push(...(await writes));
    }
    const failures = async () => {
      const latest = await many();
      outcomes.push(...latest);
      return latest.filter((outcome) => !/^(stored|answers)$/.test(outcome));
    };
    await expect.poll(failures).toEqual([]);
    // A connection that is stuck answers nothing for the ten seconds of a query.
    expect(outcomes.filter((outcome) => /no answer|CONNECT_TIMEOUT/.test(outcome))).toEqual([]);
    expect(await names()).toBeGreaterThanOrEqual(outcomes.filter((outcome) => outcome === "stored").length);
  });

  it("do not delay the next attempt by the sum of their failures", async () => {
    const url = new URL(await freshDatabase());
    const folder = freshFolder();
    const [socket, away] = [join(folder, ".s.PGSQL.5432"), join(folder, "away")];
    symlinkSync(join(url.searchParams.get("host")!, ".s.PGSQL.5432"), socket);
    url.searchParams.set("host", folder);
    const { many, insert, ping } = await openWriter(url.href);
    renameSync(socket, away);
    const { pathname } = url;
    const operator = postgres({ path: away, user: "postgres", database: "postgres", max: 1 });
    onTestFinished(() => operator.end());
    await operator`
      select pg_terminate_backend(pid) from pg_stat_activity where datname = ${pathname.slice(1)}`;
    // A connection that ends only after the last round would fail the first query that is to succeed.
    const left = () => operator`select pid from pg_stat_activity where datname = ${pathname.slice(1)}`;
    await expect.poll(async () => (await left()).length).toBe(0);
    for (let round = 0; round < 3; round++)
      for (const outcome of await many()) expect(outcome).not.toBe("stored");
    renameSync(away, socket);
    expect([await ping(), await insert()]).toEqual(["answers", "stored"]);
  });
});

describe("a database that ends connections with an error of its own (failure mode 250)", () => {
  /** Listens as PostgreSQL does. Each connection gets some bytes after its first message, and ends. */
  function ending(bytes: Buffer): string {
    const folder = freshFolder();
    const server = Bun.listen({
      unix: join(folder, ".s.PGSQL.5432"),
      socket: {
        data(socket) {
          socket.write(bytes);
          socket.end();
        },
      },
    });
    onTestFinished(() => server.stop(true));
    return `postgres://me@localhost/catalogue?host=${folder}`;
  }

  it("is not asked for ever when it closes connections at once", async () => {
    await expect(openStore({ url: ending(Buffer.alloc(0)), now })).rejects.toThrow(
      /^cannot open postgres:\/\/localhost\/catalogue: the connection to the database was lost: it did not answer$/,
    );
  });

  it("is repeated in the words of a pooler that has its own codes", async () => {
    const fields = "SFATAL\0VFATAL\0CXX000\0Mmax clients reached\0\0";
    const head = Buffer.from([0x45, 0, 0, 0, 4 + fields.length]);
    await expect(openStore({ url: ending(Buffer.concat([head, Buffer.from(fields)])), now })).rejects.toThrow(
      "cannot open postgres://localhost/catalogue: XX000: max clients reached",
    );
  });

  it("is a failure of the database, not of the program, if the error ends the connection", () => {
    const error = (severity: string) =>
      Object.assign(new Error("max clients reached"), { code: "XX000", severity });
    expect(refusal(error("FATAL"))).toMatchObject({ name: "StoreError", refusal: "unavailable" });
    expect(refusal(error("FATAL"))).not.toMatchObject({ reason: "the database is damaged" });
    expect(refusal(error("ERROR"))).not.toBeInstanceOf(StoreError);
  });

  it.runIf(hasPgBouncer)("says why a pooler in statement mode cannot be used", async () => {
    const url = await pgBouncer(await freshDatabase(), "statement");
    await expect(openStore({ url, now })).rejects.toMatchObject({
      message: expect.stringContaining("transaction blocks not allowed in statement pooling mode"),
      hint: expect.stringContaining("pool_mode session or transaction"),
    });
  });
});
