import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../../src/server/core/store/index.ts";
import { type Store, StoreError, type Write } from "../../../../src/server/core/store/types.ts";
import { must, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { goodProvider, upstream } from "../../../support/upstream.ts";

const path = "/api/v1/secrets";
const value = "sk-canary-0123456789";

describe("a secret", () => {
  it("shows its keys, and its values to callers that may edit it and ask for them", async () => {
    const server = await testServer();
    const { body } = await must(server.admin("POST", path, { name: "s", data: { b: value, a: "other" } }));
    expect(body).toMatchObject({ name: "s", keys: ["a", "b"], backend: "default", owner: "admin" });
    expect(body).not.toHaveProperty("data");
    const viewer = await server.token("viewer", [
      { role: "view", resource: "secrets" },
      { role: "expose", resource: "secrets" },
    ]);
    const editor = await server.token("editor", [{ role: "edit", resource: "secrets", name: "s" }]);
    expect((await viewer.call("GET", `${path}/s`)).status).toBe(200);
    expect((await viewer.call("GET", `${path}/s?reveal=true`)).status).toBe(403);
    for (const asked of ["reveal", "reveal=1", "reveal=false", "reveal=TRUE"])
      expect((await editor.call("GET", `${path}/s?${asked}`)).body).not.toHaveProperty("data");
    const revealed = await editor.call("GET", `${path}/s?reveal=true`);
    expect([revealed.status, revealed.body.data, revealed.headers.get("cache-control")]).toEqual([
      200,
      { a: "other", b: value },
      "no-store",
    ]);
    expect((await editor.call("GET", `${path}?reveal=true`)).text).not.toContain(value);
    expect((await editor.call("HEAD", `${path}/s?reveal=true`)).text).toBe("");

    const { body: audit } = await server.admin("GET", "/api/v1/audit?action=reveal");
    expect(audit).toHaveLength(2);
    expect(audit[1]).toMatchObject({
      action: "reveal",
      user: "admin",
      status: 200,
      detail: { kind: "secret", name: "s" },
    });
    expect(audit[1].requestId).toBe(revealed.headers.get("x-request-id"));
    expect(audit[1].tokenId).toMatch(/^tok_/);
    expect(JSON.stringify(audit)).not.toContain(value);
  });

  it("is not revealed if the audit event cannot be stored", async () => {
    const folder = temporaryFolder();
    const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
    const appendAudit = () => Promise.reject(new StoreError("full"));
    const server = await testServer({ folder, store: { ...store, appendAudit } });
    await must(server.admin("POST", path, { name: "s", data: { k: value } }));
    const { status, text } = await server.admin("GET", `${path}/s?reveal=true`);
    expect(status).toBe(507);
    expect(text).not.toContain(value);
  });

  it("changes by key: given keys are set, null removes a key, others stay", async () => {
    const server = await testServer();
    const data = async () => (await must(server.admin("GET", `${path}/s?reveal=true`))).body.data;
    const put = (body: object) => server.admin("PUT", `${path}/s`, body);
    await must(server.admin("POST", path, { name: "s", data: { a: "1", b: "2" } }));
    expect((await must(put({ data: { b: "3", c: "4" } }))).body).toMatchObject({
      keys: ["a", "b", "c"],
      version: 2,
    });
    expect((await must(put({ data: { a: null } }))).body).toMatchObject({ keys: ["b", "c"], version: 3 });
    expect(await data()).toEqual({ b: "3", c: "4" });
    for (const same of [{ data: { b: "3" } }, { data: { gone: null } }, { data: {} }, {}])
      expect((await must(put(same))).body.version).toBe(3);
    for (const empty of [{ data: { b: null, c: null } }, { data: null }]) {
      const { status, body } = await put(empty);
      expect([status, body.details[0].path]).toEqual([400, "/data"]);
    }
    expect(await data()).toEqual({ b: "3", c: "4" });
  });

  it.each([
    [{ name: "s" }, "/data"],
    [{ name: "s", data: {} }, "/data"],
    [{ name: "s", data: { k: null } }, "/data/k"],
    [{ name: "s", data: { k: 5 } }, "/data/k"],
    [{ name: "s", data: { k: "" } }, "/data/k"],
    [{ name: "s", data: { "a key": value } }, "/data/a key"],
    [{ name: "s", data: { k: `${value}\r\nx-evil: 1` } }, "/data/k"],
    [{ name: "s", data: { k: `${value}\n` } }, "/data/k"],
    [{ name: "s", data: { k: `${value}\u0000` } }, "/data/k"],
    [{ name: "s", data: { k: `${value}\u200b` } }, "/data/k"],
    [{ name: "s", data: { k: ` ${value}` } }, "/data/k"],
    [{ name: "s", data: { k: `${value}é` } }, "/data/k"],
    [{ name: "s", data: value }, "/data"],
    [{ name: "s", data: { k: value }, backend: "nowhere" }, "/backend"],
    [{ name: "s", data: { k: value }, keys: ["k"] }, "/keys"],
  ])("is refused as %j, without values in the error (T14, T20, T108)", async (body, fault) => {
    const server = await testServer();
    const { status, body: answer, text } = await server.admin("POST", path, body);
    expect([status, answer.details[0].path]).toEqual([400, fault]);
    expect(text).not.toContain("canary");
    expect((await server.admin("GET", path)).body).toEqual([]);
  });

  it("leaves nothing behind in the database, deleted or changed (T33)", async () => {
    const server = await testServer();
    await must(server.admin("POST", path, { name: "gone", data: { k: `${value}-deleted` } }));
    await must(server.admin("POST", path, { name: "kept", data: { k: `${value}-old` } }));
    await must(server.admin("PUT", `${path}/kept`, { data: { k: `${value}-new` } }));
    await must(server.admin("DELETE", `${path}/gone`));
    await server.stop();
    const text = await Bun.file(join(server.folder, "mcpctl.db")).text();
    expect(["new", "old", "deleted"].map((end) => text.includes(`${value}-${end}`))).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("is deleted with the references to it, not with the rows that refer to it", async () => {
    const server = await testServer();
    await must(server.admin("POST", path, { name: "s", data: { k: value } }));
    const llm = { name: "a", type: "openai", model: "m", apiKeyRef: { name: "s", key: "k" } };
    await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "b" }));
    await must(server.admin("DELETE", "/api/v1/llms/b"));
    expect((await server.admin("GET", `${path}/s`)).status).toBe(200);
    await must(server.admin("DELETE", `${path}/s`));
    expect((await server.admin("GET", "/api/v1/llms/a")).body).toMatchObject({
      apiKeyRef: null,
      version: 2,
      model: "m",
    });
    await must(server.admin("POST", path, { name: "s", data: { k: "another" } }));
    expect((await server.admin("GET", "/api/v1/llms/a")).body.apiKeyRef).toBeNull();
  });
});

async function defaultBackend(store: Store): Promise<string> {
  const { rows } = await store.load();
  return rows.find(({ kind, name }) => kind === "secretbackend" && name === "default")!.id;
}

/** Refs of what is stored on the default backend. */
async function refsOn(store: Store): Promise<string[]> {
  return await store.secretRefs(await defaultBackend(store));
}

describe("writing a secret", () => {
  /** A server whose store refuses the next commits that hold a row, and says what stored data it holds. */
  async function withRefusals() {
    const folder = temporaryFolder();
    const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
    const state = { refusals: 0 };
    const commit: typeof store.commit = async (writes) => {
      if (state.refusals > 0 && writes.some(({ op }) => op === "insert" || op === "update")) {
        state.refusals--;
        throw new StoreError("full");
      }
      return await store.commit(writes);
    };
    const server = await testServer({ folder, store: { ...store, commit } });
    const refs = () => refsOn(store);
    return { server, state, refs };
  }

  it("keeps the old values if the row cannot be written, and deletes the new ones", async () => {
    const { server, state, refs } = await withRefusals();
    await must(server.admin("POST", path, { name: "s", data: { k: "old" } }));
    const before = await refs();
    state.refusals = 1;
    const { status, body } = await server.admin("PUT", `${path}/s`, { data: { k: "new" } });
    expect([status, body.code]).toEqual([507, "storage_full"]);
    expect((await server.admin("GET", `${path}/s?reveal=true`)).body.data).toEqual({ k: "old" });
    expect(await refs()).toEqual(before);

    state.refusals = 1;
    expect((await server.admin("POST", path, { name: "t", data: { k: "new" } })).status).toBe(507);
    expect(await refs()).toEqual(before);
    await must(server.admin("PUT", `${path}/s`, { data: { k: "newest" } }));
    expect(await refs()).toHaveLength(1);
    expect((await server.admin("GET", `${path}/s?reveal=true`)).body.data).toEqual({ k: "newest" });
  });

  it("loses none of many concurrent writes, and is never seen half done", async () => {
    const { server, refs } = await withRefusals();
    await must(server.admin("POST", path, { name: "s", data: { a: "0", b: "0" } }));
    let writing = true;
    const reading = (async () => {
      while (writing) {
        const { status, body } = await server.admin("GET", `${path}/s?reveal=true`);
        expect(status, JSON.stringify(body)).toBe(200);
        expect(body.data.a).toBe(body.data.b);
      }
    })();
    for (let round = 1; round <= 5; round++) {
      const puts = Array.from({ length: 4 }, (_, i) => {
        const text = `${round}-${i}`;
        return server.admin("PUT", `${path}/s`, { data: { a: text, b: text } });
      });
      for (const { status, body } of await Promise.all(puts))
        expect([200, 409], JSON.stringify(body)).toContain(status);
    }
    writing = false;
    await reading;
    expect(await refs()).toHaveLength(1);
    expect(server.logged).toEqual([]);
  });

  it("that a crash has interrupted is cleaned up at a later start, and no other", async () => {
    const folder = temporaryFolder();
    const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
    const at = Date.now();
    const seeded = await testServer({ folder, store: { ...store, close: async () => {} } });
    await must(seeded.admin("POST", path, { name: "s", data: { k: value } }));
    await seeded.stop();
    const backendId = await defaultBackend(store);
    const left = (ref: string, doomed: boolean, at: number): Write[] => [
      { op: "addOrphan", orphan: { ref, backendId, doomed, at } },
      { op: "putSecretData", ref, backendId, data: { k: ref }, at },
    ];
    await store.commit([
      ...left("sec_left/ver_old", false, at - 2 * 60 * 60 * 1000),
      ...left("sec_left/ver_doomed", true, at),
      ...left("sec_left/ver_new", false, at),
    ]);
    await testServer({ folder, store });
    const refs = async () => (await refsOn(store)).sort();
    await expect.poll(refs).toEqual([expect.stringMatching(/^sec_0/), "sec_left/ver_new"]);
    expect((await store.orphans()).map(({ ref }) => ref)).toEqual(["sec_left/ver_new"]);
  });
});

it("changes the key that the next call sends to the provider", async () => {
  const server = await testServer();
  const provider = upstream(goodProvider);
  await must(server.admin("POST", path, { name: "s", data: { k: "first" } }));
  const llm = {
    name: "a",
    type: "openai",
    model: "m",
    url: provider.url,
    apiKeyRef: { name: "s", key: "k" },
  };
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm));
  const call = () =>
    must(server.admin("POST", "/api/v1/llms/a/infer", { messages: [{ role: "user", content: "hi" }] }));
  await call();
  await must(server.admin("PUT", `${path}/s`, { data: { k: "second" } }));
  await call();
  expect(provider.seen.map(({ headers }) => headers["authorization"])).toEqual([
    "Bearer first",
    "Bearer second",
  ]);
});
