import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loginPath } from "../../../support/mcp/log-in.ts";
import { protectedServer } from "../../../support/mcp/protected-server.ts";
import { isAlive, type McpTestServer, mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { type Client, must } from "../../../support/server.ts";

const mayRun = [{ role: "run", resource: "projects" }];
const path = "/api/v1/servers/files/authorization";
const keyed = {
  sharing: "principal",
  env: [{ name: "TOKEN", valueFrom: { userKey: "token" } }],
  isBroken: true,
};
const keys = { alice: "alice-key-7f3a9c51", bob: "bob-key-2be8d460" };

const give = (as: Client, token: string) => as("PUT", path, { keys: { token } });
const valueFor = (mcp: McpTestServer, as: Client) => mcp.call("env", { name: "TOKEN" }, { as });

/** A program that wants a key of each user, and two users of whom alice has given hers. */
async function withAlice(more: object = {}) {
  const mcp = await mcpTestServer();
  const files = await mcp.define("files", { ...keyed, ...more });
  const alice = await mcp.user("alice", mayRun);
  const bob = await mcp.user("bob", mayRun);
  await must(give(alice.call, keys.alice));
  await until(
    () => mcp.row("files"),
    ({ toolCount }) => toolCount > 0,
  );
  return { mcp, files, alice, bob };
}

describe("an MCP server with a key of each user", () => {
  it("is started with the key of the caller alone, in a process of the caller's own (T313)", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", keyed);
    const { call: alice } = await mcp.user("alice", mayRun);
    const { call: bob } = await mcp.user("bob", mayRun);
    // Nobody has given one: nothing is started, and the reader is told what to do.
    expect((await mcp.row("files")).conditions).toEqual([
      {
        type: "NeedsAuthorization",
        message: "each of its users has to give mcpctl their own key: mcpctl authorize server files",
      },
    ]);
    expect(files.count("start ")).toBe(0);
    expect((await alice("POST", path, {})).body).toEqual({ keys: ["token"] });
    const given = await must(give(alice, keys.alice));
    expect(given.body.authorization).toMatchObject({ status: "authorized", by: "alice", isShared: false });
    expect(given.text).not.toContain(keys.alice);
    await until(
      () => mcp.row("files"),
      ({ toolCount }) => toolCount > 0,
    );
    expect(await valueFor(mcp, alice)).toEqual({ text: keys.alice });
    // Bob sees the tools, and is called with nobody's key.
    const starts = files.count("start ");
    expect((await valueFor(mcp, bob)).error?.message).toMatch(
      /it wants a key of yours, "token".*mcpctl authorize server files/,
    );
    expect(files.count("start ")).toBe(starts);
    await must(give(bob, keys.bob));
    expect(await valueFor(mcp, bob)).toEqual({ text: keys.bob });
    expect(await valueFor(mcp, alice)).toEqual({ text: keys.alice });
    expect(await mcp.call("count", {}, { as: alice })).toEqual({ text: "1" });
    expect(await mcp.call("count", {}, { as: bob })).toEqual({ text: "1" });
    for (const pid of files.alive()) {
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      expect([keys.alice, keys.bob].filter((key) => environment.includes(key))).toHaveLength(1);
      expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).not.toMatch(/alice-key|bob-key/);
    }
  });

  it("takes and forgets no key for a token of the user that may only see servers (T201)", async () => {
    const { mcp, alice } = await withAlice();
    const view = { role: "view", resource: "servers" };
    const mint = { role: "create", resource: "tokens" };
    await must(mcp.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: [...mayRun, view, mint] }));
    const token = { name: "watcher", roleBindings: [view, ...mayRun] };
    const { body } = await must(alice.call("POST", "/api/v1/tokens", token));
    const watcher = mcp.as(body.token);
    expect((await must(watcher("GET", "/api/v1/servers/files"))).body.name).toBe("files");
    expect((await give(watcher, keys.bob)).status).toBe(403);
    expect((await watcher("DELETE", path)).status).toBe(403);
    expect((await watcher("POST", path, {})).status).toBe(403);
    expect(await valueFor(mcp, alice.call)).toEqual({ text: keys.alice });
    await must(alice.call("DELETE", path));
  });

  it("shows who only calls it through a project their access, and no more of it (T138)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { ...keyed, visibility: "private", args: ["--hush-4c1e"] });
    const { call: alice } = await mcp.user("alice", mayRun);
    expect((await alice("GET", "/api/v1/servers/files")).status).not.toBe(200);
    const { body } = await must(give(alice, keys.alice));
    expect(Object.keys(body).sort()).toEqual([
      "authorization",
      "createdAt",
      "id",
      "name",
      "updatedAt",
      "version",
    ]);
    const { body: whole } = await must(mcp.admin("GET", "/api/v1/servers/files"));
    expect(JSON.stringify(whole)).toContain("--hush-4c1e");
  });

  it("is refused as a missing one is, where it is hidden (T118)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { ...keyed, visibility: "private" });
    const { call: viewer } = await mcp.user("vera", [{ role: "view", resource: "servers" }]);
    const { call: editor } = await mcp.user("eddy", [{ role: "edit", resource: "servers" }]);
    for (const [as, status] of [
      [viewer, 403],
      [editor, 404],
    ] as const)
      for (const at of [path, path.replace("files", "missing")]) {
        expect((await as("POST", at, {})).status).toBe(status);
        expect((await as("DELETE", at)).status).toBe(status);
        expect((await as("PUT", at, { keys: { token: "x" } })).status).toBe(status);
      }
  });

  it("sends it in a header to its url, and no login of OAuth is begun where the key is refused", async () => {
    const seen: string[] = [];
    const far = protectedServer();
    far.answer = (request) => {
      seen.push(request.headers.get("x-api-key") ?? "-");
      return new Response("no", { status: 401 });
    };
    const mcp = await mcpTestServer();
    const headers = [{ name: "X-Api-Key", valueFrom: { userKey: "token" } }];
    await mcp.attach("far", { url: far.url, sharing: "session", headers });
    const { call: alice } = await mcp.user("alice", mayRun);
    await must(alice("PUT", loginPath, { keys: { token: keys.alice } }));
    await until(
      async () => seen,
      ([first]) => first !== undefined,
    );
    expect(new Set(seen)).toEqual(new Set([keys.alice]));
    expect(far.issuer.of("/register")).toEqual([]);
    const row = await mcp.row("far");
    expect(row.status).not.toBe("failed");
  });

  it("forgets the keys when anything of it changes that decides where they go (T312)", async () => {
    const { mcp, files, alice } = await withAlice();
    const { body: row } = await must(mcp.admin("GET", "/api/v1/servers/files"));
    const starts = files.count("start ");
    for (const change of [
      { command: [...row.command, "other"] },
      { env: [...row.env, { name: "SERVICE_URL", value: "https://elsewhere.test" }] },
      { sharing: "session" },
    ]) {
      await must(mcp.admin("PUT", "/api/v1/servers/files", change));
      const { body } = await must(alice.call("POST", path, {}));
      expect(body).toEqual({ keys: ["token"] });
      expect((await valueFor(mcp, alice.call)).error?.message).toMatch(/it wants a key of yours/);
      const { text } = await must(mcp.admin("GET", "/api/v1/authorizations"));
      expect(text).not.toContain('"authorized"');
      await must(give(alice.call, keys.alice));
      expect(await valueFor(mcp, alice.call)).toEqual({ text: keys.alice });
    }
    expect(files.count("start ")).toBeGreaterThan(starts);
    // What decides nothing of that leaves them.
    await must(mcp.admin("PUT", "/api/v1/servers/files", { description: "Files", callSeconds: 30 }));
    expect(await valueFor(mcp, alice.call)).toEqual({ text: keys.alice });
  });

  it("takes no secret of a user by its name: only what the user gave for this server counts (T315)", async () => {
    const { mcp, alice, bob } = await withAlice();
    await must(
      mcp.admin("POST", "/api/v1/secrets", { name: "token", data: { token: "a-secret-of-others" } }),
    );
    expect((await valueFor(mcp, bob.call)).error?.message).toMatch(/it wants a key of yours/);
    // The key for one server is not that of another one.
    await mcp.define("more", keyed);
    const { text } = await must(mcp.admin("GET", "/api/v1/authorizations"));
    expect([text.includes('"files"'), text.includes('"more"')]).toEqual([true, false]);
    expect((await alice.call("POST", path.replace("files", "more"), {})).body).toEqual({ keys: ["token"] });
    expect((await mcp.row("more")).toolCount).toBe(0);
  });

  it("renews the caller's process with a new key, forgets it when asked, and tells no other user (T150)", async () => {
    const { mcp, alice, bob } = await withAlice();
    await must(give(bob.call, keys.bob));
    await valueFor(mcp, bob.call);
    await must(give(alice.call, "alice-key-the-second"));
    expect(await valueFor(mcp, alice.call)).toEqual({ text: "alice-key-the-second" });
    expect(await mcp.call("count", {}, { as: bob.call })).toEqual({ text: "1" });
    expect((await bob.call("GET", "/api/v1/authorizations")).text).not.toContain("alice");
    expect((await alice.call("DELETE", path)).status).toBe(204);
    expect((await valueFor(mcp, alice.call)).error?.message).toMatch(/it wants a key of yours/);
    expect(await valueFor(mcp, bob.call)).toEqual({ text: keys.bob });
    const texts = [...mcp.logged];
    for (const one of [
      "servers/files",
      "authorizations",
      "secrets",
      "instances",
      "audit",
      "servers/files/logs",
    ])
      texts.push((await mcp.admin("GET", `/api/v1/${one}`)).text);
    for (const text of texts) expect(text).not.toMatch(/alice-key|bob-key/);
    const events = await must(mcp.admin("GET", "/api/v1/audit?action=authorize"));
    expect(events.body.length).toBe(3);
  });

  it("stays offered to all while the key of one user keeps their process from starting (failure mode 254)", async () => {
    const { mcp, files, alice, bob } = await withAlice({ modes: ["crash-while-marked"] });
    await valueFor(mcp, alice.call);
    files.mark("broken");
    await must(give(bob.call, keys.bob));
    expect((await valueFor(mcp, bob.call)).error).toBeDefined();
    expect(await mcp.tools()).toContain("env");
    expect(await valueFor(mcp, alice.call)).toEqual({ text: keys.alice });
    expect((await mcp.row("files")).status).toBe("ready");
  });

  it("is not called with the key of a user by somebody who acts as that user, nor by one of that name later (T266)", async () => {
    const { mcp, files, alice } = await withAlice();
    await valueFor(mcp, alice.call);
    const { call: boss } = await mcp.user("boss", [...mayRun, { role: "run", action: "impersonate" }]);
    const { body } = await must(boss("POST", "/api/v1/auth/impersonate", { user: "alice" }));
    const acting = mcp.as(body.token);
    expect((await acting("GET", "/api/v1/auth/whoami")).body).toMatchObject({
      user: "alice",
      impersonator: "boss",
    });
    expect((await valueFor(mcp, acting)).error?.message).toMatch(/it wants a key of yours/);
    await must(give(acting, "key-of-the-boss"));
    expect(await valueFor(mcp, acting)).toEqual({ text: "key-of-the-boss" });
    expect((await acting("DELETE", path)).status).toBe(204);
    expect(await valueFor(mcp, alice.call)).toEqual({ text: keys.alice });
    const [own] = files.alive();
    await must(mcp.admin("DELETE", "/api/v1/users/alice"));
    await until(
      async () => isAlive(own!),
      (alive) => !alive,
    );
    const { body: left } = await must(mcp.admin("GET", "/api/v1/authorizations"));
    expect(left.map(({ user }: { user: string }) => user)).toEqual(["boss"]);
    const again = await mcp.user("alice");
    const subjects = [{ kind: "User", name: "alice" }];
    await must(mcp.admin("POST", "/api/v1/rbac", { name: "again", subjects, roleBindings: mayRun }));
    expect((await valueFor(mcp, again.call)).error?.message).toMatch(/it wants a key of yours/);
  });

  it.each([
    [{ token: " " }, "token: is empty"],
    [{ token: "your-api-key-here" }, "token: is a placeholder"],
    [{ token: "a-key\0-in-two" }, "token: has a NUL, which cannot be sent"],
    [{ other: "x" }, "token: is required"],
    [{ token: "x-1", other: "y" }, "other: is not wanted; the keys are: token"],
  ])("refuses the keys %o", async (given, message) => {
    const mcp = await mcpTestServer();
    await mcp.define("files", keyed);
    const { call } = await mcp.user("alice", mayRun);
    const { status, body } = await call("PUT", path, { keys: given });
    expect([status, body.error]).toEqual([400, expect.stringContaining(message)]);
    // Who may not run a project with it learns nothing of it.
    const { call: eve } = await mcp.user("eve", []);
    expect((await eve("PUT", path, { keys: { token: "x-1" } })).status).toBeGreaterThanOrEqual(403);
  });

  it.each([
    [{ sharing: "shared" }, "sharing"],
    [{ env: [{ name: "A", valueFrom: {} }] }, "env"],
    [{ env: [{ name: "A", valueFrom: { userKey: "k", secretRef: { name: "a", key: "b" } } }] }, "env"],
  ])("is not made with %o", async (change, field) => {
    const mcp = await mcpTestServer();
    const { isBroken: _, ...spec } = keyed;
    const draft = { name: "files", command: ["true"], ...spec, ...change };
    const { status, text } = await mcp.admin("POST", "/api/v1/servers", draft);
    expect([status, text]).toEqual([400, expect.stringContaining(field)]);
  });
});
