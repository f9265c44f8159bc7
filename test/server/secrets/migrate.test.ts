import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import type { Store } from "../../../src/server/core/store/types.ts";
import { keyFileIn } from "../../support/sealing.ts";
import { must, prepareDatabase, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const path = "/api/v1/secrets/migrate";
const values = { key: "marked-value-one", other: "marked-value-two" };

/** Starts a server with a sealed backend `vault`, and with the secrets `a` and `b` on the default backend. */
async function startWithTwoBackends(change: (store: Store) => Partial<Store> = () => ({})) {
  const folder = temporaryFolder();
  const database = await prepareDatabase(join(folder, "mcpctl.db"));
  const store = await openStore({ path: database, now: Date.now });
  const server = await testServer({
    folder,
    store: { ...store, ...change(store) },
    keyFile: keyFileIn(folder),
  });
  await must(server.admin("POST", "/api/v1/secretbackends", { name: "vault", type: "sealed" }));
  for (const name of ["a", "b"]) await must(server.admin("POST", "/api/v1/secrets", { name, data: values }));
  return { server, store };
}

async function backendOf(server: TestServer, name: string): Promise<string> {
  return (await server.admin("GET", `/api/v1/secrets/${name}`)).body.backend;
}

/** Counts the values that are stored on each backend. */
async function stored(store: Store): Promise<Record<string, number>> {
  const { rows } = await store.load();
  const backends = rows.filter(({ kind }) => kind === "secretbackend");
  const counts = backends.map(async ({ id, name }) => [name, (await store.secretRefs(id)).length]);
  return Object.fromEntries(await Promise.all(counts));
}

async function revealed(server: TestServer, name: string): Promise<unknown> {
  return (await must(server.admin("GET", `/api/v1/secrets/${name}?reveal=true`))).body.data;
}

describe("migrating secrets", () => {
  it("to a backend that the caller may change needs the operation manage-secretbackends (T94)", async () => {
    const { server } = await startWithTwoBackends();
    const may = (action: string) => ({ role: "run", action });
    const { call: mover } = await server.user("mover", [may("migrate-secrets")]);
    const own = { role: "create", resource: "secretbackends" };
    const { call: maker } = await server.user("maker", [may("migrate-secrets"), own]);
    const editing = { role: "edit", resource: "secretbackends" };
    const { call: editor } = await server.user("editor", [may("migrate-secrets"), editing]);
    await must(maker("POST", "/api/v1/secretbackends", { name: "hers", type: "sealed" }));
    const refused = async (call: typeof mover, to: string) => {
      const { status, body } = await call("POST", path, { from: "default", to });
      expect([status, body.error]).toEqual([403, expect.stringContaining("manage-secretbackends")]);
    };
    await refused(maker, "hers");
    await refused(editor, "vault");
    expect(await backendOf(server, "a")).toBe("default");
    await must(mover("POST", path, { from: "default", to: "hers", names: ["a"] }));
    await must(maker("POST", path, { from: "default", to: "vault" }));
  });

  it("moves all of them, and leaves nothing at the source", async () => {
    const { server, store } = await startWithTwoBackends();
    const { status, body } = await server.admin("POST", path, { from: "default", to: "vault" });
    expect(status).toBe(200);
    expect(body).toEqual({
      from: "default",
      to: "vault",
      results: [
        { name: "a", result: "migrated" },
        { name: "b", result: "migrated" },
      ],
      summary: { migrated: 2, skipped: 0, planned: 0, failed: 0 },
    });
    expect(await stored(store)).toEqual({ default: 0, vault: 2 });
    expect(await store.orphans()).toEqual([]);
    for (const name of ["a", "b"]) {
      expect(await backendOf(server, name)).toBe("vault");
      expect(await revealed(server, name)).toEqual(values);
    }
    const counts = (await server.admin("GET", "/api/v1/secretbackends")).body;
    expect(counts.map((backend: { secretCount: number }) => backend.secretCount)).toEqual([0, 2]);
    expect((await server.admin("DELETE", "/api/v1/secretbackends/vault")).body.code).toBe("still_referenced");
  });

  it("skips secrets that are on the destination already, and moves them back", async () => {
    const { server, store } = await startWithTwoBackends();
    await must(server.admin("POST", path, { from: "default", to: "vault", names: ["a"] }));
    const { body } = await must(server.admin("POST", path, { from: "default", to: "vault" }));
    expect(body.results).toEqual([
      { name: "a", result: "skipped", reason: "already on vault" },
      { name: "b", result: "migrated" },
    ]);
    await must(server.admin("POST", path, { from: "vault", to: "default" }));
    expect(await stored(store)).toEqual({ default: 2, vault: 0 });
    expect(await revealed(server, "a")).toEqual(values);
  });

  it("reports what it would do in a dry run, and changes nothing", async () => {
    const { server, store } = await startWithTwoBackends();
    const before = (await store.load()).revision;
    const { body } = await must(server.admin("POST", path, { from: "default", to: "vault", dryRun: true }));
    expect(body.summary).toEqual({ migrated: 0, skipped: 0, planned: 2, failed: 0 });
    expect(await stored(store)).toEqual({ default: 2, vault: 0 });
    expect((await store.load()).revision).toBe(before);
    expect(body).not.toMatchObject({ results: [{ data: expect.anything() }] });
  });

  it("keeps the copy at the source with keepSource, also later", async () => {
    const { server, store } = await startWithTwoBackends();
    const wish = { from: "default", to: "vault", keepSource: true };
    await must(server.admin("POST", path, wish));
    expect(await stored(store)).toEqual({ default: 2, vault: 2 });
    const { body } = await must(server.admin("POST", path, { ...wish, keepSource: false }));
    expect(body.summary.skipped).toBe(2);
    expect(await stored(store)).toEqual({ default: 2, vault: 2 });
  });

  it("streams a line for each secret if the request accepts ndjson", async () => {
    const { server } = await startWithTwoBackends();
    const accept = { accept: "application/x-ndjson" };
    const { headers, text } = await must(
      server.admin("POST", path, { from: "default", to: "vault" }, accept),
    );
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    expect(
      text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { total: 2 },
      { name: "a", result: "migrated" },
      { name: "b", result: "migrated" },
      { summary: { migrated: 2, skipped: 0, planned: 0, failed: 0 } },
    ]);
  });

  it("writes audit events with names and without values (T25)", async () => {
    const { server } = await startWithTwoBackends();
    await must(server.admin("POST", path, { from: "default", to: "vault", names: ["a"] }));
    const { body, text } = await must(server.admin("GET", "/api/v1/audit?action=migrate"));
    expect(body).toMatchObject([
      { user: "admin", detail: { kind: "secret", name: "a", from: "default", to: "vault" } },
    ]);
    expect(text).not.toContain("marked-value");
  });

  it("needs the operation migrate-secrets, and no other grant permits it", async () => {
    const { server, store } = await startWithTwoBackends();
    const editor = await server.token("editor", [
      { role: "edit", resource: "secrets" },
      { role: "edit", resource: "secretbackends" },
    ]);
    const wish = { from: "default", to: "vault" };
    expect((await editor.call("POST", path, wish)).status).toBe(403);
    expect(await stored(store)).toEqual({ default: 2, vault: 0 });
    const mover = await server.token("mover", [{ role: "run", action: "migrate-secrets" }]);
    expect((await mover.call("POST", path, wish)).body.summary.migrated).toBe(2);
    expect((await mover.call("GET", "/api/v1/secrets/a")).status).toBe(403);
  });

  it.each([
    [{ from: "nope", to: "vault" }, 404, 'secretbackend "nope" not found'],
    [{ from: "default", to: "nope" }, 404, 'secretbackend "nope" not found'],
    [{ from: "default", to: "default" }, 400, "both source and destination"],
    [{ from: "default", to: "vault", names: ["a", "nope"] }, 404, 'secret "nope" not found'],
    [{ from: "default", to: "vault", names: [] }, 400, "names"],
    [{ from: "default" }, 400, "to: is required"],
    [{ from: "default", to: "vault", form: 1 }, 400, 'did you mean "from"?'],
  ])("refuses %j before anything is changed", async (wish, status, message) => {
    const { server, store } = await startWithTwoBackends();
    const answer = await server.admin("POST", path, wish);
    expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(message)]);
    expect(await stored(store)).toEqual({ default: 2, vault: 0 });
  });

  it("goes on after a failure, and leaves that secret at the source", async () => {
    let refusals = 0;
    const { server, store } = await startWithTwoBackends((store) => ({
      async commit(writes) {
        const one = writes.find((write) => write.op === "putSecretData");
        if (one && refusals-- > 0) throw new Error("a value that nobody should see: marked-value");
        return await store.commit(writes);
      },
    }));
    refusals = 1;
    const { body, text } = await must(server.admin("POST", path, { from: "default", to: "vault" }));
    expect(body.results).toMatchObject([
      { name: "a", result: "failed", reason: "something went wrong in the server" },
      { name: "b", result: "migrated" },
    ]);
    expect(text).not.toContain("marked-value");
    expect(await stored(store)).toEqual({ default: 1, vault: 1 });
    expect(await revealed(server, "a")).toEqual(values);
    expect(await store.orphans()).toEqual([]);
  });

  it("loses no change that is made at the same time, and serves the secret throughout", async () => {
    const { server, store } = await startWithTwoBackends();
    let moving = true;
    const changing = (async () => {
      for (let i = 0; moving; i++) {
        const { status } = await server.admin("PUT", "/api/v1/secrets/a", { data: { key: `changed-${i}` } });
        expect([200, 409]).toContain(status);
        expect((await server.admin("GET", "/api/v1/secrets/b?reveal=true")).body.data).toEqual(values);
      }
    })();
    for (const [from, to] of [
      ["default", "vault"],
      ["vault", "default"],
      ["default", "vault"],
    ]) {
      const { body } = await must(server.admin("POST", path, { from, to }));
      expect(body.summary.migrated + body.summary.skipped + body.summary.failed).toBe(2);
    }
    moving = false;
    await changing;
    await must(server.admin("POST", path, { from: "default", to: "vault" }));
    expect(await stored(store)).toEqual({ default: 0, vault: 2 });
    expect(await revealed(server, "a")).toEqual({
      key: expect.stringMatching(/^changed-\d+$/),
      other: values.other,
    });
  });

  it("lets calls through between two secrets", async () => {
    const { server } = await startWithTwoBackends();
    const names = Array.from({ length: 60 }, (_, i) => `s${i}`);
    await Promise.all(
      names.map((name) => must(server.admin("POST", "/api/v1/secrets", { name, data: values }))),
    );
    let answered = 0;
    let moving = true;
    const calling = (async () => {
      while (moving) {
        await fetch(`${server.url}/healthz`);
        if (moving) answered++;
      }
    })();
    await must(server.admin("POST", path, { from: "default", to: "vault" }));
    moving = false;
    await calling;
    expect(answered).toBeGreaterThan(10);
  });

  it("moves a secret once if two migrations run at the same time", async () => {
    const { server, store } = await startWithTwoBackends();
    const wish = { from: "default", to: "vault" };
    const answers = await Promise.all([server.admin("POST", path, wish), server.admin("POST", path, wish)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    await must(server.admin("POST", path, wish));
    expect(await stored(store)).toEqual({ default: 0, vault: 2 });
    expect(await store.orphans()).toEqual([]);
    for (const name of ["a", "b"]) expect(await revealed(server, name)).toEqual(values);
  });
});
