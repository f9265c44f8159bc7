import { Database } from "bun:sqlite";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { networkShare } from "../../../../../src/server/core/store/sqlite/network-share.ts";
import { openSqlite } from "../../../../../src/server/core/store/sqlite/store.ts";
import { event, row } from "../../../../contract/store-fixtures.ts";
import { testServer } from "../../../../support/server.ts";
import { goodProvider, upstream } from "../../../../support/upstream.ts";
import { freshFolder } from "../folder.ts";

const now = () => 1_700_000_000_000;

/** Starts another process that holds the write lock of a file. Returns a function that ends it and waits for its end. */
async function lockFile(path: string): Promise<() => Promise<void>> {
  const script = `
    const { Database } = require("bun:sqlite");
    const database = new Database(process.argv[1]);
    database.run("pragma busy_timeout = 5000");
    database.run("begin immediate");
    console.log("locked");
    process.stdin.on("end", () => process.exit()).resume();`;
  const holder = Bun.spawn([process.execPath, "-e", script, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => holder.kill("SIGKILL"));
  const { value } = await holder.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("locked\n");
  return async () => {
    holder.stdin.end();
    await holder.exited;
  };
}

function openStore(lockTimeout?: number) {
  const path = join(freshFolder(), "mcpctl.db");
  const warnings: string[] = [];
  const store = openSqlite(path, now, {
    onWarning: (text) => warnings.push(text),
    ...(lockTimeout !== undefined && { lockTimeout }),
  });
  onTestFinished(() => store.close());
  return { path, store, warnings };
}

describe("an SQLite file that another program has locked (failure mode 97)", () => {
  it("is read meanwhile, and written in order when the lock ends", async () => {
    const { path, store } = openStore();
    await store.commit([{ op: "insert", row: row("first"), refs: [] }]);
    const release = await lockFile(path);
    const order: string[] = [];
    const writes = ["a", "b", "c"].map((name) =>
      store.commit([{ op: "insert", row: row(name), refs: [] }]).then(() => order.push(name)),
    );
    writes.push(store.appendAudit([event(1)]).then(() => order.push("audit")));
    // Timers and reads go on: nothing waits in the thread.
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect((await store.load()).rows.map(({ name }) => name)).toEqual(["first"]);
      await store.ping();
    }
    expect(order).toEqual([]);
    await release();
    await Promise.all(writes);
    expect(order).toEqual(["a", "b", "c", "audit"]);
    expect((await store.changesSince(0, 10))?.map(({ revision }) => revision)).toEqual([1, 2, 3, 4]);
  });

  it("refuses writes after the timeout as locked, and its ping fails until a write succeeds", async () => {
    const { path, store, warnings } = openStore(50);
    const release = await lockFile(path);
    const locked = {
      name: "StoreError",
      refusal: "unavailable",
      reason: "the database is locked by another program",
    };
    const insert = (name: string) => store.commit([{ op: "insert", row: row(name), refs: [] }]);
    const outcomes = await Promise.allSettled([insert("a"), insert("b"), store.appendAudit([event(1)])]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: "rejected", reason: locked });
    await expect(store.ping()).rejects.toMatchObject(locked);
    expect(warnings).toEqual([`${path}: the database is locked by another program (database is locked)`]);
    expect((await store.load()).rows).toEqual([]);
    await release();
    await store.ping();
    expect(await insert("a")).toBe(1);
  });

  it("is told as locked when the server starts", async () => {
    const { path, store } = openStore();
    await store.close();
    using other = new Database(path);
    other.run("pragma locking_mode = exclusive");
    other.run("begin immediate");
    other.run("update usage_through set row = row");
    other.run("commit");
    expect(() => openSqlite(path, now)).toThrow(`cannot open ${path}: it is locked`);
  });

  it("does not hold up other requests of a server, and a call that waits too long is told why", async () => {
    const { path, store } = openStore(50);
    const { admin } = await testServer({ store });
    const release = await lockFile(path);
    const [create, list] = await Promise.all([
      admin("POST", "/api/v1/groups", { name: "g" }),
      admin("GET", "/api/v1/groups"),
    ]);
    expect(list.status).toBe(200);
    expect([create.status, create.body.code, create.body.error]).toEqual([
      503,
      "unavailable",
      "the database is locked by another program",
    ]);
    await release();
    expect((await admin("POST", "/api/v1/groups", { name: "g" })).status).toBe(201);
  });

  it("is found out before the next call of a model, which would be paid for and not answered (failure mode 207)", async () => {
    const { path, store } = openStore(50);
    const { admin, token } = await testServer({ store });
    const { url, seen } = upstream(goodProvider);
    await admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m", url });
    const { call } = await token("t", [{ role: "run", resource: "llms" }]);
    const body = { model: "gpt", messages: [{ role: "user", content: "hi" }] };
    const ask = () => call("POST", "/v1/chat/completions", body);
    const release = await lockFile(path);
    const reason = { error: { code: "unavailable", message: "the database is locked by another program" } };
    for (let time = 0; time < 3; time++) expect(await ask()).toMatchObject({ status: 503, body: reason });
    expect(seen).toHaveLength(1);
    await release();
    await expect.poll(async () => (await ask()).status).toBe(200);
  });
});

it("knows network shares by the type of their file system, and no local disk as one", () => {
  expect(networkShare("/x", () => 0x6969)).toBe("NFS");
  // statfs(2) returns a signed number on some systems.
  expect(networkShare("/x", () => 0xff534d42 | 0)).toBe("SMB");
  expect(networkShare("/x", () => 0xef53)).toBeUndefined();
  expect(networkShare("/none/such")).toBeUndefined();
  expect(networkShare(freshFolder())).toBeUndefined();
});
