import { Database } from "bun:sqlite";
import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import type { Write } from "../../../../src/server/core/store/types.ts";
import { storeContract } from "../../../contract/store.ts";
import { event, row } from "../../../contract/store-fixtures.ts";
import { freshFolder } from "./folder.ts";

/** A Node that better-sqlite3 works with. `bun --bun` puts itself on the PATH under that name: not that one. */
const node = (process.env.PATH ?? "")
  .split(delimiter)
  .map((place) => join(place, "node"))
  .filter((file) => existsSync(file))
  .find((file) => {
    const { stdout } = spawnSync(file, ["-p", "process.versions.bun ?? process.versions.node"], {
      encoding: "utf8",
    });
    return Number.parseInt(stdout, 10) >= 22;
  });

const now = () => 1_700_000_000_000;

storeContract("SQLite store", async () => {
  const path = join(freshFolder(), "mcpctl.db");
  return () => openStore({ path, now });
});

describe("an SQLite file", () => {
  it("needs Bun", () => {
    expect(process.versions.bun).toBeDefined();
  });

  it("is readable by its owner only, whatever the umask and its mode before (T86)", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    const umask = process.umask(0o022);
    try {
      const store = await openStore({ path, now });
      await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
      const modes = () =>
        readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mode & 0o777]);
      expect(modes().sort()).toEqual([
        ["mcpctl.db", 0o600],
        ["mcpctl.db-shm", 0o600],
        ["mcpctl.db-wal", 0o600],
        ["mcpctl.db.lock", 0o600],
      ]);
      await store.close();
      chmodSync(path, 0o644);
      await (await openStore({ path, now })).close();
      expect(statSync(path).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(umask);
    }
  });

  it("is one file after it is closed", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    const store = await openStore({ path, now });
    await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await store.appendAudit([event(1)]);
    await store.queryAudit({ llm: "x", limit: 1 });
    await store.close();
    expect(readdirSync(folder).sort()).toEqual(["mcpctl.db", "mcpctl.db.lock"]);
  });

  it("has no deleted secret in it or its log once older readers have finished, and waits for none of them (T33)", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    const store = await openStore({ path, now });
    const holding = () =>
      readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes("marked-value"));
    const put = (ref: string): Write => ({
      op: "putSecretData",
      ref,
      backendId: "sbe_1",
      data: { k: "marked-value" },
      at: 1,
    });
    await store.commit([put("a"), put("b")]);
    expect(holding()).toContain("mcpctl.db-wal");
    await store.commit([
      { op: "deleteSecretData", ref: "a" },
      { op: "deleteSecretData", ref: "b" },
    ]);
    expect(holding()).toEqual([]);

    await store.commit([put("c")]);
    const reader = new Database(path, { readonly: true });
    reader.run("begin");
    reader.query("select count(*) from secret_data").values();
    const began = performance.now();
    await store.commit([{ op: "deleteSecretData", ref: "c" }]);
    // With its busy timeout SQLite would wait for five seconds, and nothing else would be answered meanwhile.
    expect(performance.now() - began).toBeLessThan(4500);
    expect(holding()).not.toEqual([]);
    reader.run("rollback");
    reader.close();
    await expect.poll(holding).toEqual([]);
    await store.close();
  });

  it("is in WAL mode, and every table is STRICT", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    await (await openStore({ path, now })).close();
    using database = new Database(path, { readonly: true });
    expect(database.query("pragma journal_mode").values()).toEqual([["wal"]]);
    const lax =
      "select name from pragma_table_list where schema = 'main' and not strict and name not like 'sqlite_%'";
    expect(database.query(lax).values()).toEqual([]);
    expect(database.query("select count(*) from pragma_table_list where strict").values()).toEqual([[21]]);
  });

  it("is used by one server at a time, under whatever path", async () => {
    const folder = freshFolder();
    const path = join(folder, "mcpctl.db");
    const link = join(folder, "link.db");
    const store = await openStore({ path, now });
    symlinkSync(path, link);
    const refused = { name: "AppError", code: "conflict", message: expect.stringContaining(path) };
    await expect(openStore({ path, now })).rejects.toMatchObject(refused);
    await expect(openStore({ path: link, now })).rejects.toMatchObject(refused);

    const script =
      "import { openStore } from './src/server/core/store/index.ts'; await openStore({ path: process.argv[1], now: Date.now })";
    const other = spawnSync(process.execPath, ["-e", script, path], { encoding: "utf8" });
    expect(other.status).not.toBe(0);
    expect(other.stderr).toContain(`another mcpctl server is using ${path}`);

    await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await store.close();
    await (await openStore({ path, now })).close();
  });

  it.skipIf(node === undefined)(
    "is plain SQLite: Node reads it with better-sqlite3 while the server writes",
    async () => {
      const path = join(freshFolder(), "mcpctl.db");
      const store = await openStore({ path, now });
      await store.commit([
        { op: "insert", row: row("a", { name: "größe", spec: { url: "http://x" } }), refs: [] },
      ]);
      let reading = true;
      let written = 0;
      const writing = (async () => {
        while (reading) {
          await store.appendAudit([event(written++)]);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const script = `
      const database = require("better-sqlite3")(process.argv[1], { readonly: true });
      console.log(JSON.stringify({
        rows: database.prepare("select name, spec ->> '$.url' as url from resources").all(),
        events: database.prepare("select count(*) as count from audit_events").get().count,
        integrity: database.pragma("integrity_check", { simple: true }),
      }));`;
      const read = await promisify(execFile)(node ?? "", ["-e", script, path]).finally(() => {
        reading = false;
      });
      await writing;
      const { rows, events, integrity } = JSON.parse(read.stdout);
      expect(rows).toEqual([{ name: "größe", url: "http://x" }]);
      expect(events).toBeGreaterThan(0);
      expect(events).toBeLessThanOrEqual(written);
      expect(integrity).toBe("ok");
      await store.close();
    },
  );

  describe("that cannot be used", () => {
    it("is not changed if it is not a database", async () => {
      const path = join(freshFolder(), "notes.txt");
      const text = "Dear diary, ".repeat(100);
      writeFileSync(path, text);
      await expect(openStore({ path, now })).rejects.toMatchObject({
        name: "AppError",
        message: `${path} is not an SQLite database`,
      });
      expect(readFileSync(path, "utf8")).toBe(text);
    });

    it("is not changed if it belongs to another program (T88)", async () => {
      const path = join(freshFolder(), "photos.db");
      new Database(path).run("create table photos (id integer)");
      await expect(openStore({ path, now })).rejects.toMatchObject({
        name: "AppError",
        message: `${path} is the database of another program`,
      });
      using database = new Database(path, { readonly: true });
      expect(database.query("select name from sqlite_schema").values()).toEqual([["photos"]]);
    });

    it("is named in the error if its folder is missing, or if it is a folder", async () => {
      const folder = freshFolder();
      mkdirSync(join(folder, "taken"));
      for (const path of [join(folder, "none/mcpctl.db"), join(folder, "taken")])
        await expect(openStore({ path, now })).rejects.toMatchObject({
          name: "AppError",
          code: "unavailable",
          message: expect.stringContaining(`cannot open ${path}`),
        });
      expect(existsSync(join(folder, "none"))).toBe(false);
    });

    it("is named in the error if it is damaged (T88)", async () => {
      const path = join(freshFolder(), "mcpctl.db");
      const store = await openStore({ path, now });
      await store.commit(
        Array.from({ length: 500 }, (_, index) => ({
          op: "insert" as const,
          row: row(`row-${index}`, { spec: { text: "x".repeat(200) } }),
          refs: [],
        })),
      );
      await store.close();
      const whole = readFileSync(path);
      const named = { name: "AppError", code: "unavailable", message: `${path} is damaged` };
      const cut = whole.subarray(0, whole.length / 2);
      const scribbled = Buffer.from(whole);
      scribbled.fill(0xa5, whole.length - 8 * 4096);
      const schemaless = Buffer.from(whole);
      schemaless.fill(0xa5, 100, 4096);
      for (const bad of [cut, scribbled, schemaless]) {
        writeFileSync(path, bad);
        await expect(openStore({ path, now })).rejects.toMatchObject(named);
      }
      writeFileSync(path, whole);
      await (await openStore({ path, now })).close();
    });

    it("is named with the way to save it if a page of it turns out damaged later (failure mode 98)", async () => {
      const path = join(freshFolder(), "mcpctl.db");
      const store = await openStore({ path, now });
      const long = "x".repeat(500);
      await store.appendAudit(Array.from({ length: 1000 }, (_, at) => event(at, { error: long })));
      await store.close();
      const bytes = readFileSync(path);
      // A page of the oldest events. The check at the start leaves it out.
      const at = bytes.indexOf(long);
      bytes.fill(0xa5, at - (at % 4096), at);
      writeFileSync(path, bytes);
      const warnings: string[] = [];
      const damaged = await openStore({ path, now, onWarning: (text) => warnings.push(text) });
      for (let i = 0; i < 2; i++)
        await expect(damaged.queryAudit({ limit: 1000 })).rejects.toMatchObject({
          refusal: "unavailable",
          reason: "the database is damaged",
        });
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(
        new RegExp(`^${path}: the database is damaged .*sqlite3 ${path} \\.recover`),
      );
      await damaged.close();
    });
  });
});
