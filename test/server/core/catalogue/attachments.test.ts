import { describe, expect, it } from "vitest";
import { type Client, must, type TestServer, testServer } from "../../../support/server.ts";

const url = "https://mcp.example.com/mcp";
const list = "/api/v1/serverattachments";

/** A server with the MCP servers a, b and c, and the project web. */
async function withServers(): Promise<TestServer> {
  const server = await testServer();
  for (const name of ["a", "b", "c"]) await must(server.admin("POST", "/api/v1/servers", { name, url }));
  await must(server.admin("POST", "/api/v1/projects", { name: "web" }));
  return server;
}

const serversOf = async (call: Client) => (await must(call("GET", "/api/v1/projects/web"))).body.servers;
const namesIn = async (call: Client, field = "name") =>
  (await must(call("GET", list))).body.map((one: Record<string, unknown>) => one[field]);
const attach = (call: Client, name: string, more: object = {}) =>
  call("POST", list, { name, project: "web", ...more });

describe("the servers of a project", () => {
  it("are its attachments, in the order of attaching", async () => {
    const { admin } = await withServers();
    await must(attach(admin, "b", { prefix: "bee", tools: { allow: ["get_*"] } }));
    await must(attach(admin, "a"));
    expect(await serversOf(admin)).toEqual(["b", "a"]);
    await must(admin("PUT", "/api/v1/projects/web", { servers: ["c", "a", "b"] }));
    // The ones that were attached keep their place, because names of tools depend on it.
    expect(await serversOf(admin)).toEqual(["b", "a", "c"]);
    expect((await admin("GET", `${list}/b?project=web`)).body).toMatchObject({
      project: "web",
      server: "b",
      prefix: "bee",
      tools: { allow: ["get_*"] },
      position: 1,
    });
    await must(admin("PUT", "/api/v1/projects/web", { servers: ["c", "a"] }));
    expect([await serversOf(admin), await namesIn(admin)]).toEqual([
      ["a", "c"],
      ["a", "c"],
    ]);
    await must(admin("DELETE", `${list}/a?project=web`));
    await must(attach(admin, "a"));
    expect(await serversOf(admin)).toEqual(["c", "a"]);
    await must(admin("PUT", "/api/v1/projects/web", { servers: null }));
    expect([await serversOf(admin), await namesIn(admin)]).toEqual([[], []]);
  });

  it("are attached by a create of the project, and detached when it is deleted", async () => {
    const { admin } = await withServers();
    const { body } = await must(admin("POST", "/api/v1/projects", { name: "two", servers: ["c", "a"] }));
    expect(body.servers).toEqual(["c", "a"]);
    expect(await namesIn(admin, "project")).toEqual(["two", "two"]);
    await must(admin("DELETE", "/api/v1/projects/two"));
    expect(await namesIn(admin)).toEqual([]);
    await must(admin("DELETE", "/api/v1/servers/c"));
  });

  it("count up its version, so that a stale change is refused and watchers see it", async () => {
    const { admin } = await withServers();
    const { body: before } = await admin("GET", "/api/v1/projects/web");
    await must(attach(admin, "a"));
    const stale = await admin("PUT", "/api/v1/projects/web", { servers: [], version: before.version });
    expect([stale.status, stale.body.code]).toEqual([409, "stale_version"]);
    const { body: after } = await admin("GET", "/api/v1/projects/web");
    expect(after.version).toBe(before.version + 1);
    // The result of a read changes nothing when it is written back, in any order.
    await must(attach(admin, "b"));
    const { body: shown } = await admin("GET", "/api/v1/projects/web");
    for (const servers of [
      ["a", "b"],
      ["b", "a"],
    ])
      expect((await must(admin("PUT", "/api/v1/projects/web", { servers }))).body).toEqual(shown);
  });

  it("are all attached when many are attached at the same time", async () => {
    const { admin } = await withServers();
    const statuses = await Promise.all(
      ["a", "b", "c", "a"].map(async (name) => (await attach(admin, name)).status),
    );
    expect(statuses.sort()).toEqual([201, 201, 201, 409]);
    expect((await serversOf(admin)).sort()).toEqual(["a", "b", "c"]);
    const positions = await namesIn(admin, "position");
    expect(positions.sort()).toEqual([1, 2, 3]);
  });

  it("must exist, and keep the server from being deleted", async () => {
    const { admin } = await withServers();
    const unknown = await admin("PUT", "/api/v1/projects/web", { servers: ["a", "zz"] });
    expect([unknown.status, unknown.body.details]).toEqual([
      400,
      [{ path: "/servers/1", message: 'there is no server "zz"' }],
    ]);
    expect(await serversOf(admin)).toEqual([]);
    await must(attach(admin, "a"));
    const { status, body } = await admin("DELETE", "/api/v1/servers/a");
    expect([status, body.code, body.error]).toEqual([
      409,
      "still_referenced",
      'server "a" is still used by serverattachment "a" of project "web"',
    ]);
    for (const fields of [{ server: "b" }, { project: "none" }, { project: undefined }])
      expect((await attach(admin, "c", fields)).status, JSON.stringify(fields)).toBe(400);
    expect((await attach(admin, "zz")).body.details).toEqual([
      { path: "/server", message: 'there is no server "zz"' },
    ]);
  });
});

describe("the right to attach", () => {
  const onWeb = [
    { role: "edit", resource: "projects", name: "web" },
    { role: "view", resource: "servers" },
  ];

  it("is edit on the project and expose on the server", async () => {
    const server = await withServers();
    const { call: editor } = await server.user("alice", [
      ...onWeb,
      { role: "expose", resource: "servers", name: "a" },
    ]);
    const { call: viewer } = await server.user("bob", [
      { role: "view", resource: "projects" },
      { role: "expose", resource: "servers" },
    ]);
    await must(attach(editor, "a"));
    for (const [call, name] of [
      [editor, "b"],
      [editor, "zz"],
      [viewer, "b"],
    ] as const)
      expect((await attach(call, name)).status, name).toBe(403);
    for (const servers of [
      ["a", "b"],
      ["a", "zz"],
    ])
      expect((await editor("PUT", "/api/v1/projects/web", { servers })).body).toMatchObject({
        code: "forbidden",
        error: `attaching server "${servers[1]}" needs expose on it`,
      });
    expect((await viewer("DELETE", `${list}/a?project=web`)).status).toBe(403);
    expect((await viewer("PUT", `${list}/a?project=web`, { prefix: "x" })).status).toBe(403);
    expect((await viewer("GET", `${list}/a?project=web`)).status).toBe(200);
    await must(editor("PUT", `${list}/a?project=web`, { prefix: "x" }));
    await must(editor("DELETE", `${list}/a?project=web`));
    await must(server.admin("POST", "/api/v1/projects", { name: "other" }));
    expect((await editor("POST", list, { name: "a", project: "other" })).status).toBe(403);
    const { call: nobody } = await server.user("carol", [{ role: "edit", resource: "servers" }]);
    expect((await nobody("GET", list)).status).toBe(403);
    expect((await nobody("GET", `${list}/a?project=web`)).status).toBe(403);
  });

  it("shows attachments to those who may view the project, and none of a private server (T138)", async () => {
    const server = await withServers();
    await must(server.admin("PUT", "/api/v1/servers/b", { visibility: "private" }));
    for (const name of ["a", "b"]) await must(attach(server.admin, name));
    const { call } = await server.user("alice", [
      ...onWeb,
      { role: "expose", resource: "servers", name: "a" },
      { role: "expose", resource: "servers", name: "c" },
    ]);
    expect([await namesIn(call), await serversOf(call)]).toEqual([["a"], ["a"]]);
    expect((await call("GET", `${list}/b?project=web`)).body.error).toBe('serverattachment "b" not found');
    expect((await call("DELETE", `${list}/b?project=web`)).status).toBe(404);
    const { call: elsewhere } = await server.user(
      "bob",
      [{ role: "view", resource: "projects", name: "zz" }].slice(1),
    );
    expect((await elsewhere("GET", list)).status).toBe(403);
    // A hidden server stays attached, and its name cannot be guessed.
    await must(call("PUT", "/api/v1/projects/web", { servers: ["c"] }));
    expect(await serversOf(server.admin)).toEqual(["b", "c"]);
    const guessed = await call("PUT", "/api/v1/projects/web", { servers: ["c", "b"] });
    const missing = await call("PUT", "/api/v1/projects/web", { servers: ["c", "zz"] });
    expect([guessed.status, missing.status]).toEqual([403, 403]);
  });

  it("of a persona is expose on it", async () => {
    const server = await withServers();
    await must(server.admin("POST", "/api/v1/llms?probe=false", { name: "m", type: "openai", model: "m" }));
    await must(server.admin("POST", "/api/v1/agents", { name: "p", llm: "m" }));
    const { call } = await server.user("alice", onWeb);
    expect((await call("PUT", "/api/v1/projects/web", { agents: ["p"] })).status).toBe(403);
    await must(server.admin("PUT", "/api/v1/projects/web", { agents: ["p"] }));
    await must(call("PUT", "/api/v1/projects/web", { description: "mine" }));
    await must(server.admin("DELETE", "/api/v1/agents/p"));
    expect((await server.admin("GET", "/api/v1/projects/web")).body.agents).toEqual([]);
  });
});
