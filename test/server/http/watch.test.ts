import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../../src/server/core/store/index.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { watchKind } from "../../support/watch.ts";

const path = "/api/v1/llms";
const viewAll = [{ role: "view", resource: "llms" }];

function post(server: TestServer, name: string, more: object = {}) {
  return must(server.admin("POST", `${path}?probe=false`, { name, type: "openai", model: "m", ...more }));
}

async function revisionOf(server: TestServer): Promise<number> {
  const { headers } = await must(server.admin("GET", path));
  return Number(headers.get("x-mcpctl-revision"));
}

describe("a watch", () => {
  it("sends the rows of its kind, then their changes", async () => {
    const server = await testServer();
    await post(server, "b");
    await post(server, "a");
    const { bearer, call } = await server.token("t", viewAll);
    const watch = await watchKind(server, bearer, "llms");
    const revision = await revisionOf(server);
    expect(await watch.next()).toEqual({
      type: "added",
      id: revision,
      data: (await call("GET", `${path}/a`)).body,
    });
    expect(await watch.next()).toMatchObject({ type: "added", data: { name: "b" } });
    expect(await watch.next()).toEqual({ type: "synced", id: revision, data: {} });

    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    const { body: created } = await post(server, "c");
    const added = await watch.next();
    expect(added).toMatchObject({ type: "added", data: created });
    const { body: changed } = await must(server.admin("PUT", `${path}/c`, { description: "x" }));
    expect(await watch.next()).toMatchObject({ type: "modified", data: changed });
    await must(server.admin("PUT", `${path}/c`, { description: "x" }));
    await must(server.admin("DELETE", `${path}/c`));
    const deleted = await watch.next();
    expect(deleted).toMatchObject({ type: "deleted", data: { id: created.id, name: "c" } });
    expect(Object.keys(deleted!.data)).toEqual(["id", "name"]);
    expect(deleted!.id).toBeGreaterThan(added!.id);
    await watch.leave();
  });

  it("continues after a revision with each missed change once, in order", async () => {
    const server = await testServer();
    await post(server, "old");
    const since = await revisionOf(server);
    await post(server, "a");
    await post(server, "b");
    await must(server.admin("DELETE", `${path}/a`));
    const { bearer } = await server.token("t", viewAll);
    const watch = await watchKind(server, bearer, "llms", `&since=${since}`);
    const seen = [await watch.next(), await watch.next(), await watch.next()];
    expect(seen.map((event) => [event!.type, event!.data.name])).toEqual([
      ["added", "a"],
      ["added", "b"],
      ["deleted", "a"],
    ]);
    await post(server, "c");
    expect(await watch.next()).toMatchObject({ type: "added", data: { name: "c" } });
    await watch.leave();

    const again = await watchKind(server, bearer, "llms", `&since=${seen[1]!.id}`);
    expect(await again.next()).toMatchObject({ type: "deleted", data: { name: "a" } });
    await again.leave();
  });

  it("returns 410 if its revision is no longer known", async () => {
    const first = await testServer();
    await post(first, "a");
    await first.stop();
    const server = await testServer({ folder: first.folder });
    const now = await revisionOf(server);
    for (const since of [0, now - 1, now + 1, 999_999]) {
      const { status, body } = await server.admin("GET", `${path}?watch=1&since=${since}`);
      expect([since, status, body.code, body.hint]).toEqual([since, 410, "watch_expired", "list again"]);
    }
    expect((await server.admin("GET", `${path}?watch=1&since=x`)).status).toBe(400);
    const { bearer } = await server.token("t", viewAll);
    const watch = await watchKind(server, bearer, "llms", `&since=${now}`);
    await post(server, "b");
    expect(await watch.next()).toMatchObject({ type: "added", data: { name: "b" } });
    await watch.leave();
  });

  it("needs the same right as a list, and shows the same rows (T52)", async () => {
    const server = await testServer();
    await post(server, "a");
    await post(server, "hidden", { visibility: "private" });
    const creator = await server.token("creator", [{ role: "create", resource: "llms" }]);
    expect((await creator.call("GET", `${path}?watch=1`)).status).toBe(403);
    const runner = await server.token("runner", [{ role: "run", resource: "llms", name: "a" }]);
    const calls = await watchKind(server, runner.bearer, "llms");
    const shown = (await calls.next())!;
    expect(shown).toMatchObject({ type: "added", data: { name: "a" } });
    expect(shown.data).not.toHaveProperty("model");
    expect(await calls.next()).toMatchObject({ type: "synced" });
    await calls.leave();
    const bob = await server.user("bob", viewAll);
    const watch = await watchKind(server, bob.bearer, "llms");
    expect(await watch.next()).toMatchObject({ type: "added", data: { name: "a" } });
    expect(await watch.next()).toMatchObject({ type: "synced" });
    await must(server.admin("PUT", `${path}/hidden`, { description: "x" }));
    await must(server.admin("DELETE", `${path}/hidden`));
    await post(server, "b");
    expect(await watch.next()).toMatchObject({ type: "added", data: { name: "b" } });
    await watch.leave();
  });

  it("sends deleted for a row that becomes private, and nothing of it after that (T53)", async () => {
    const server = await testServer();
    const { body } = await post(server, "a", { description: "before" });
    const bob = await server.user("bob", viewAll);
    const watch = await watchKind(server, bob.bearer, "llms");
    await watch.next();
    await watch.next();
    await must(server.admin("PUT", `${path}/a`, { visibility: "private", description: "after" }));
    expect(await watch.next()).toEqual({
      type: "deleted",
      id: expect.any(Number),
      data: { id: body.id, name: "a" },
    });
    await must(server.admin("PUT", `${path}/a`, { description: "later" }));
    await must(server.admin("PUT", `${path}/a`, { visibility: "public" }));
    expect(await watch.next()).toMatchObject({ type: "added", data: { name: "a", description: "later" } });
    await watch.leave();

    const replay = await watchKind(server, bob.bearer, "llms", `&since=${(await revisionOf(server)) - 3}`);
    expect(await replay.next()).toMatchObject({ type: "deleted", data: { name: "a" } });
    expect(await replay.next()).toMatchObject({ type: "added", data: { description: "later" } });
    await replay.leave();
  });

  it("ends when the caller gets more or fewer rights", async () => {
    const server = await testServer();
    const { bearer } = await server.user("alice", viewAll);
    for (const roleBindings of [[...viewAll, { role: "run", resource: "llms" }], []]) {
      const watch = await watchKind(server, bearer, "llms");
      expect(await watch.next()).toMatchObject({ type: "synced" });
      await must(server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings }));
      expect(await watch.next()).toBeUndefined();
    }
    expect((await server.as(bearer)("GET", `${path}?watch=1`)).status).toBe(403);
  });

  it("goes on when another user's rights change", async () => {
    const server = await testServer();
    const { bearer } = await server.token("t", viewAll);
    const watch = await watchKind(server, bearer, "llms");
    await watch.next();
    await server.user("bob", viewAll);
    await post(server, "a");
    expect(await watch.next()).toMatchObject({ type: "added" });
    await watch.leave();
  });

  it.each([
    ["the token is deleted", (server: TestServer) => server.admin("DELETE", "/api/v1/tokens/t")],
    ["its maker is deleted", (server: TestServer) => server.admin("DELETE", "/api/v1/users/alice")],
    ["the server stops", (server: TestServer) => server.stop()],
  ])("ends when %s (T55, T56)", async (_, act) => {
    const server = await testServer();
    const alice = await server.user("alice", [...viewAll, { role: "create", resource: "tokens" }]);
    const { body } = await must(alice.call("POST", "/api/v1/tokens", { name: "t", roleBindings: viewAll }));
    const watch = await watchKind(server, body.token, "llms");
    await watch.next();
    await act(server);
    expect(await watch.next()).toBeUndefined();
  });

  it("ends with its login session, not with another one", async () => {
    const server = await testServer();
    const alice = await server.user("alice", viewAll);
    const login = await must(
      server.as()("POST", "/api/v1/auth/login", { user: "alice", password: "alice-password" }),
    );
    const [one, other] = [
      await watchKind(server, alice.bearer, "llms"),
      await watchKind(server, login.body.token, "llms"),
    ];
    await one.next();
    await other.next();
    await must(alice.call("POST", "/api/v1/auth/logout"));
    expect(await one.next()).toBeUndefined();
    await post(server, "a");
    expect(await other.next()).toMatchObject({ type: "added" });
    await other.leave();
  });

  it("ends when its bearer expires", async () => {
    let now = Date.now();
    const server = await testServer({ now: () => now });
    const expiresAt = new Date(now + 60_000).toISOString();
    const { body } = await must(
      server.admin("POST", "/api/v1/tokens", { name: "t", expiresAt, roleBindings: viewAll }),
    );
    const watch = await watchKind(server, body.token, "llms");
    await watch.next();
    now += 60_000;
    // Any change makes the server look; without one it does so every 2 s.
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    expect(await watch.next()).toBeUndefined();
  });

  it("ends when another server has written more changes than are sent one by one", async () => {
    const folder = temporaryFolder();
    const store = await openStore({ path: join(folder, "mcpctl.db"), now: Date.now });
    const rings: (() => void)[] = [];
    const onDoorbell = (ring: () => void) => {
      rings.push(ring);
      return () => {};
    };
    const server = await testServer({ folder, store: { ...store, onDoorbell } });
    const { bearer } = await server.token("t", viewAll);
    const watch = await watchKind(server, bearer, "llms");
    await watch.next();
    // Behind the server's back, as a second one on the same database would.
    const { userId } = (await server.admin("GET", "/api/v1/audit?limit=1")).body[0];
    for (const id of ["a", "b", "c"]) {
      const session = {
        id,
        hash: id,
        userId,
        createdAt: 1,
        expiresAt: 2,
        impersonatorId: null,
        impersonatorSessionId: null,
      };
      await store.commit([{ op: "insertSession", session }]);
    }
    await store.prune(1, 1);
    for (const ring of rings) ring();
    expect(await watch.next()).toBeUndefined();
  });

  it("is released when the caller leaves", async () => {
    const server = await testServer();
    const { bearer } = await server.token("t", viewAll);
    const open = async () =>
      (await server.admin("GET", "/metrics")).text.match(/^mcpctl_open_streams (\d+)$/m)?.[1];
    const watches = await Promise.all(Array.from({ length: 5 }, () => watchKind(server, bearer, "llms")));
    expect(await open()).toBe("5");
    for (const watch of watches) await watch.leave();
    await expect.poll(open).toBe("0");
    await post(server, "a");
    expect(server.logged).toEqual([]);
  });

  it("is cut off when it does not read while many rows change", async () => {
    const server = await testServer();
    const { bearer } = await server.token("t", [{ role: "view", resource: "projects" }]);
    const response = await fetch(`${server.url}/api/v1/projects?watch=1`, {
      headers: { authorization: `Bearer ${bearer}` },
    });
    const open = async () =>
      (await server.admin("GET", "/metrics")).text.match(/^mcpctl_open_streams (\d+)$/m)?.[1];
    expect(await open()).toBe("1");
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    for (let i = 0; i < 400 && (await open()) === "1"; i++)
      await must(server.admin("PUT", "/api/v1/projects/p", { prompt: `${i} `.padEnd(100_000, "x") }));
    expect(await open()).toBe("0");
    await response.body!.cancel();
  });
});
