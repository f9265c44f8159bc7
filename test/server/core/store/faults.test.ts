import { Database } from "bun:sqlite";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { migrations } from "../../../../drizzle/sqlite/migrations.ts";
import { openSqlite } from "../../../../src/server/core/store/sqlite/store.ts";
import { type Store, StoreError, type Thread } from "../../../../src/server/core/store/types.ts";
import { event, row } from "../../../contract/store-fixtures.ts";
import { freshFolder } from "./folder.ts";

const now = () => 1_700_000_000_000;

function integrity(path: string): unknown {
  using database = new Database(path, { readonly: true });
  return database.query("pragma integrity_check").values();
}

describe("a full disk (T71)", () => {
  const put = (store: Store, ref: string) =>
    store.commit([
      { op: "putSecretData", ref, backendId: "sbe_1", data: { KEY: "x".repeat(20_000) }, at: 1 },
    ]);

  const thread: Thread = { id: "thr_1", agentId: "a", ownerId: "a", title: "", createdAt: 1, updatedAt: 1 };

  /** Writes until it is refused. Returns what was taken. */
  async function fill(store: Store): Promise<string[]> {
    for (const taken: string[] = []; ; ) {
      const ref = `ref-${taken.length}`;
      try {
        await put(store, ref);
        taken.push(ref);
      } catch (error) {
        expect(error).toBeInstanceOf(StoreError);
        expect(error).toMatchObject({ refusal: "full" });
        return taken;
      }
    }
  }

  async function expectOnlyReads(store: Store, taken: string[]): Promise<void> {
    const full = { name: "StoreError", refusal: "full" };
    expect(taken.length).toBeGreaterThan(0);
    const long = event(1, { error: "x".repeat(100_000) });
    await expect(store.appendAudit([event(2), long])).rejects.toMatchObject(full);
    await expect(store.commit([{ op: "audit", event: long }])).rejects.toMatchObject(full);
    await expect(store.appendToThread("thr_1", [{ role: "user", content: long }], 2)).rejects.toMatchObject(
      full,
    );
    expect(await store.threadMessages("thr_1")).toEqual([]);
    expect((await store.load()).rows).toEqual([row("a")]);
    expect((await store.secretRefs("sbe_1")).sort()).toEqual([...taken].sort());
    expect((await store.secretData("ref-0"))?.KEY).toHaveLength(20_000);
    expect(await store.queryAudit({ limit: 10 })).toEqual([]);
    await store.ping();
  }

  it("by a limit on the file refuses writes, allows reads, and is left by deleting", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    // The limit lasts as long as the connection that the migration runs on.
    const small = { name: "9999_small", sql: "pragma max_page_count = 100" };
    const store = openSqlite(path, now, { steps: [...migrations, small] });
    await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await store.addThread(thread);
    const taken = await fill(store);
    await expectOnlyReads(store, taken);
    await store.commit([{ op: "deleteSecretData", ref: "ref-0" }]);
    await put(store, "again");
    await store.close();
    expect(integrity(path)).toEqual([["ok"]]);
  });

  const mount = (folder: string) =>
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "mcpctl-test", folder]).status === 0;

  it("of a real file system refuses writes, allows reads, and is over when there is room", async ({
    skip,
  }) => {
    const folder = freshFolder();
    skip(!mount(folder), "only root may mount a small disk");
    onTestFinished(() => void spawnSync("umount", ["-l", folder]));
    const ballast = join(folder, "ballast");
    writeFileSync(ballast, Buffer.alloc(400_000));
    const path = join(folder, "mcpctl.db");
    const store = openSqlite(path, now);
    await store.commit([{ op: "insert", row: row("a"), refs: [] }]);
    await store.addThread(thread);
    const taken = await fill(store);
    await expectOnlyReads(store, taken);
    rmSync(ballast);
    await put(store, "again");
    await store.appendAudit([event(3)]);
    await store.close();
    expect(integrity(path)).toEqual([["ok"]]);
    const reopened = openSqlite(path, now);
    expect((await reopened.secretRefs("sbe_1")).sort()).toEqual([...taken, "again"].sort());
    await reopened.close();
  });
});

describe("kill -9", () => {
  it("loses no acknowledged commit, and leaves none half done", async () => {
    const path = join(freshFolder(), "mcpctl.db");
    const acknowledged: number[] = [];
    for (let round = 1; round <= 10; round++) {
      const next = (acknowledged.at(-1) ?? -1) + 2; // the one that was under way may have happened
      const child = spawn(process.execPath, [join(import.meta.dirname, "committer.ts"), path, String(next)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const gone = once(child, "close");
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged.push(Number(line));
        if (acknowledged.length >= round * 7) child.kill("SIGKILL");
      }
      await gone;
      expect(child.signalCode).toBe("SIGKILL");

      const store = openSqlite(path, now);
      const ids = (await store.load()).rows.map(({ id }) => id);
      expect(ids).toEqual(expect.arrayContaining(acknowledged.map((number) => `row-${number}`)));
      expect((await store.secretRefs("sbe_1")).sort()).toEqual([...ids].sort());
      const events = await store.queryAudit({ limit: 100_000 });
      expect(events.map(({ at }) => `row-${at}`).sort()).toEqual([...ids].sort());
      await store.close();
      expect(integrity(path)).toEqual([["ok"]]);
    }
  });
});
