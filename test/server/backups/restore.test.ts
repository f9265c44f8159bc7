import { afterEach, describe, expect, it } from "vitest";
import { copyTables } from "../../../src/server/core/store/copy-tables.ts";
import type { Store } from "../../../src/server/core/store/types.ts";
import { craftedOf, readAll } from "../../backup/archives.ts";
import { backedUp, dialects, dump, filled, now, restored, rowOf, seeded } from "./stores.ts";

const open: Store[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});
const kept = async (store: Promise<Store>): Promise<Store> => {
  open.push(await store);
  return store;
};

const pairs = dialects
  .flatMap(([from, source]) => dialects.map(([to, target]) => ({ from, to, source, target })))
  .filter(({ from, to }) => from !== to);

/** The rows of a dump in an order that does not depend on the dialect. */
const sorted = (tables: Record<string, unknown[]>) =>
  Object.fromEntries(
    Object.entries(tables).map(([name, rows]) => [
      name,
      name === "audit_events"
        ? rows
        : rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ]),
  );

describe.each(pairs)("a backup of $from", ({ source, target, to }) => {
  it(`is the same in ${to}, row by row`, async () => {
    const first = await kept(source());
    const { admin, alice } = await filled(first);
    const second = await seeded(await kept(target()));
    const before = await dump(first);
    for (const table of copyTables) expect(before[table.name]!.length, table.name).toBeGreaterThan(0);
    const outcome = await restored(second, await backedUp(first));
    expect(outcome).toMatchObject({ withoutValues: [], switchedOff: [], objects: [], merge: null });
    const after = await dump(second);
    // The log of the new server stands behind that of the backup.
    expect(after["audit_events"]!.pop()).toMatchObject({ action: "first start", at: now + 10 });
    expect(sorted(after)).toEqual(sorted({ ...before, secret_data: before["secret_data"]! }));
    const contents = await second.load();
    expect(contents.sessions).toEqual([]);
    expect(await second.providerSessions()).toEqual([]);
    expect(contents.rows.filter(({ kind }) => kind === "instance")).toEqual([]);
    expect([await second.file("file_2"), await second.batch("batch_2"), await second.task("tsk_2")]).toEqual([
      null,
      null,
      null,
    ]);
    expect(contents.rows.find(({ name }) => name === "admin")?.id).toBe(admin.id);
    expect(contents.bearers).toEqual([{ hash: "hash-of-token", tokenId: expect.any(String) }]);
    expect(await second.passwordHash(alice.id)).toBe("$argon2id$alice");
    expect(await second.threadMessages("thr_1")).toEqual(await first.threadMessages("thr_1"));
    // It works: the next events, usage and commits go on.
    await second.appendAudit([
      { at: now + 20, action: "later", requestId: "r", userId: null, tokenId: null, status: 200 },
    ]);
    const events = await second.queryAudit({ limit: 10 });
    expect(events.map(({ action }) => action)).toEqual([
      "later",
      "first start",
      "create",
      "llm_inference_call",
      "llm_inference_call",
    ]);
    expect(await second.usage({ since: "2000-01-01", until: "2100-01-01" })).toMatchObject([
      { requests: 2, promptTokens: 4, costMicros: 5 },
    ]);
  });
});

describe.each(dialects)("%s", (dialect, fresh) => {
  /** For what does not depend on the dialect: one database of PostgreSQL costs as much as ten files. */
  const once = it.runIf(dialect === "SQLite");
  const two = async () => {
    const first = await kept(fresh());
    const rows = await filled(first);
    return { first, rows, second: await seeded(await kept(fresh())) };
  };

  it("leaves values of secrets in plain text out, and says which secrets lack them", async () => {
    const { first, second, rows } = await two();
    const bytes = await backedUp(first, { secrets: "references" });
    const { rows: inFile } = await readAll(bytes);
    expect(JSON.stringify(inFile)).not.toContain("MARKED-VALUE");
    expect(JSON.stringify(inFile)).not.toContain("ORPHAN");
    expect(inFile["secret_data"]).toMatchObject([
      { data: { v: "1", kid: "0123456789abcdef", data: "sealed" } },
    ]);
    expect(await restored(second, bytes)).toMatchObject({
      withoutValues: ["openai"],
      missingMasterKeys: ["0123456789abcdef"],
    });
    expect(await second.secretData(`${rows.openai.id}/ver_1`)).toBeNull();
    expect(await second.secretData(`${rows.hidden.id}/ver_1`)).toEqual({
      v: "1",
      kid: "0123456789abcdef",
      data: "sealed",
    });
  });

  once("leaves the audit log and the usage out on request", async () => {
    const { first, second } = await two();
    const bytes = await backedUp(first, { audit: false });
    expect(Object.keys((await readAll(bytes)).rows)).not.toContain("audit_events");
    await restored(second, bytes);
    expect(await second.queryAudit({ limit: 10 })).toMatchObject([{ action: "first start" }]);
  });

  it("refuses to restore into a database that is in use, and changes nothing", async () => {
    const { first, second } = await two();
    const bytes = await backedUp(first);
    const mine = rowOf("llm", "llm", "mine");
    await second.commit([{ op: "insert", row: mine, refs: [] }]);
    const before = await dump(second);
    await expect(restored(second, bytes)).rejects.toMatchObject({
      code: "conflict",
      message: 'the database is not empty: it has llm "mine"',
      hint: expect.stringContaining("--merge skip"),
    });
    expect(await dump(second)).toEqual(before);
  });

  it("changes nothing in a dry run, and says what would change", async () => {
    const { first, second } = await two();
    const before = await dump(second);
    const outcome = await restored(second, await backedUp(first), { dryRun: true });
    expect(outcome).toMatchObject({
      dryRun: true,
      rows: { resources: { created: 10 }, audit_events: { created: 3 } },
    });
    expect(await dump(second)).toEqual(before);
    expect((await second.changesSince((await second.load()).revision, 10))?.length).toBe(0);
  });

  it("changes nothing when a row in the middle is refused", async () => {
    const { second } = await two();
    const before = await dump(second);
    const line = (rows: object[]) => rows.map((one) => `${JSON.stringify(one)}\n`).join("");
    const user = rowOf("user", "usr", "eve");
    const { createdAt, updatedAt, ...rest } = user;
    const stored = { ...rest, created_at: createdAt, updated_at: updatedAt };
    const columns = Object.keys(stored);
    const tables = (refs: object[]) => [
      { name: "resources", columns, rows: 1 },
      { name: "refs", columns: ["from_id", "path", "to_id", "on_delete"], rows: refs.length },
    ];
    const attempt = (resource: object, refs: object[]) =>
      restored(
        second,
        craftedOf(
          [
            { name: "resources.ndjson", text: line([resource]) },
            { name: "refs.ndjson", text: line(refs) },
          ],
          { tables: tables(refs) },
        ),
      );
    const dangling = {
      from_id: user.id,
      path: "/x",
      to_id: rowOf("llm", "llm", "x").id,
      on_delete: "restrict",
    };
    await expect(attempt(stored, [dangling])).rejects.toMatchObject({
      message: expect.stringContaining("refers to one that is not in it"),
    });
    const bad = [
      { ...stored, kind: "gadget" },
      { ...stored, id: "../../x" },
      { ...stored, name: "a/b" },
      { ...stored, name: "a\nb" },
      { ...stored, version: 0 },
      { ...stored, version: "1" },
      { ...stored, visibility: "secret" },
      { ...stored, spec: [] },
      { ...stored, spec: null },
      { ...stored, spec: { text: "\0" } },
      { ...stored, extra: 1 },
      [stored],
    ];
    for (const one of bad)
      await expect(attempt(one, []), JSON.stringify(one)).rejects.toMatchObject({ code: "invalid_request" });
    expect(await dump(second)).toEqual(before);
    await attempt(stored, []);
    expect((await second.load()).rows.map(({ id }) => id)).toEqual([user.id]);
  });

  once("of a database with a newer migration says which mcpctl to install", async () => {
    const { second } = await two();
    const newer = craftedOf([], { migration: "9999_later", version: "9.1.0" });
    await expect(restored(second, newer)).rejects.toMatchObject({
      code: "not_supported",
      hint: expect.stringContaining("Install mcpctl 9.1.0 or newer"),
    });
  });

  once("switches servers that run programs off for whoever may not run programs", async () => {
    const { first, second, rows } = await two();
    expect(await restored(second, await backedUp(first), { mayRunPrograms: false })).toMatchObject({
      switchedOff: ["files"],
    });
    const server = (await second.load()).rows.find(({ id }) => id === rows.server.id);
    expect(server?.spec).toEqual({ command: ["npx"], replicas: 0 });
  });

  once("keeps what stands already with merge skip, also where it has another id", async () => {
    const { first, second, rows } = await two();
    const bytes = await backedUp(first);
    const alice = rowOf("user", "usr", "alice");
    const gpt = rowOf("llm", "llm", "gpt", { spec: { mine: true } });
    await second.commit([alice, gpt].map((row) => ({ op: "insert" as const, row, refs: [] })));
    const outcome = await restored(second, bytes, { merge: "skip" });
    expect(outcome.rows["resources"]).toEqual({ created: 6, replaced: 0, skipped: 4 });
    const { rows: after, refs } = await second.load();
    const named = (name: string) => after.find((row) => row.name === name)!;
    expect(named("gpt")).toEqual(gpt);
    expect(await second.passwordHash(alice.id)).toBeNull();
    // Restored objects belong to the users of this server.
    expect(named("laptop")).toMatchObject({ id: rows.token.id, owner: alice.id });
    expect(refs).toContainEqual({
      fromId: rows.persona.id,
      path: "/llm",
      toId: gpt.id,
      onDelete: "restrict",
    });
    expect(named("default").spec["isDefault"]).toBe(true);
    expect(await second.threads(alice.id)).toMatchObject([{ id: "thr_1", agentId: rows.persona.id }]);
    expect(await second.queryAudit({ limit: 10 })).toMatchObject([{ action: "first start" }]);
    expect(await second.usage({ since: "2000-01-01", until: "2100-01-01" })).toEqual([]);
    // A second time adds nothing.
    const again = await restored(second, bytes, { merge: "skip" });
    expect(again.rows["resources"]).toEqual({ created: 0, replaced: 0, skipped: 10 });
  });

  it("sets what stands already to the backup with merge replace, and deletes nothing", async () => {
    const { first, rows } = await two();
    const bytes = await backedUp(first);
    const { gpt, alice, openai } = rows;
    const mine = rowOf("llm", "llm", "mine");
    await first.commit([
      { op: "insert", row: mine, refs: [] },
      { op: "update", row: { ...gpt, spec: { changed: true }, version: 2 }, refs: [] },
      { op: "setPassword", userId: alice.id, hash: "other" },
    ]);
    await restored(first, bytes, { merge: "replace" });
    const { rows: after, refs, sessions } = await first.load();
    expect(after.find(({ id }) => id === mine.id)).toEqual(mine);
    expect(after.find(({ id }) => id === gpt.id)).toEqual({ ...gpt, version: 3 });
    expect(refs).toContainEqual({
      fromId: gpt.id,
      path: "/apiKeyRef",
      toId: openai.id,
      onDelete: "restrict",
    });
    expect(await first.passwordHash(alice.id)).toBe("$argon2id$alice");
    expect(sessions.length).toBe(1);
    expect((await first.queryAudit({ limit: 10 })).length).toBe(3);
  });

  once("leaves a secret alone whose values are not in the backup", async () => {
    const { first, rows } = await two();
    const bytes = await backedUp(first, { secrets: "references" });
    const { openai, plain } = rows;
    const changed = { ...openai, status: { keys: ["k"], externalRef: `${openai.id}/ver_2` }, version: 8 };
    await first.commit([
      { op: "update", row: changed, refs: [{ path: "/backend", toId: plain.id, onDelete: "restrict" }] },
      { op: "putSecretData", ref: `${openai.id}/ver_2`, backendId: plain.id, data: { k: "new" }, at: 6 },
    ]);
    const { objects } = await restored(first, bytes, { merge: "replace" });
    expect(objects).toContainEqual({
      kind: "secret",
      name: "openai",
      result: "skipped",
      reason: "its values are not in the backup",
    });
    expect((await first.load()).rows.find(({ id }) => id === openai.id)).toEqual(changed);
  });

  it("reads one moment while others write, and lets them", async () => {
    const { first, rows } = await two();
    const copy = await first.copy();
    await first.commit([{ op: "insert", row: rowOf("llm", "llm", "later"), refs: [] }]);
    await first.appendAudit([
      { at: 1, action: "later", requestId: "r", userId: null, tokenId: null, status: 200 },
    ]);
    const names: unknown[] = [];
    for (const table of copyTables.filter(({ name }) => name === "resources"))
      for await (const lines of copy.lines(table)) names.push(...lines.map((line) => JSON.parse(line).name));
    await copy.close();
    expect(names).toContain(rows.gpt.name);
    expect(names).not.toContain("later");
  });
});
