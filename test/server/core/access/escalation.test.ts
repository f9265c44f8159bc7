import { describe, expect, it } from "vitest";
import { type Answer, must, type TestServer, testServer, told } from "../../../support/server.ts";

const llm = { type: "openai", model: "up" };
const alice = [{ kind: "User", name: "alice" }];

function grant(role: string, resource: string, name?: string) {
  return { role, resource, ...(name !== undefined && { name }) };
}

/** A refusal, and that nothing was written. `path` is of any list. */
async function refused(server: TestServer, path: string, act: () => Promise<Answer>) {
  const revision = async () => (await server.admin("GET", path)).headers.get("x-mcpctl-revision");
  const before = await revision();
  const { status, body } = await act();
  expect(status, JSON.stringify(body)).toBe(403);
  expect(body.code).toBe("forbidden");
  expect(before).toMatch(/^\d+$/);
  expect(await revision()).toBe(before);
}

describe("a binding (T54)", () => {
  it.each([
    ["another role", [grant("run", "llms")]],
    ["a role that has more in it", [grant("edit", "llms")]],
    ["another kind", [grant("view", "secrets")]],
    ["all kinds", [grant("view", "*")]],
    ["an operation", [{ role: "run", action: "backup" }]],
    ["something of one's own, and something else", [grant("view", "llms"), grant("delete", "users")]],
  ])("cannot grant %s that its maker does not hold", async (_, roleBindings) => {
    const server = await testServer();
    await server.admin("POST", "/api/v1/users", { name: "alice" });
    const { call } = await server.token("maker", [grant("edit", "rbac"), grant("view", "llms")]);
    const binding = { name: "b", subjects: alice, roleBindings };
    await refused(server, "/api/v1/rbac", () => call("POST", "/api/v1/rbac", binding));
    await must(call("POST", "/api/v1/rbac", { ...binding, roleBindings: [grant("view", "llms")] }));
    await refused(server, "/api/v1/rbac", () => call("PUT", "/api/v1/rbac/b", { roleBindings }));
  });

  it("cannot get other subjects from a user who does not hold its grants", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [grant("edit", "rbac")]);
    const root = { name: "root", subjects: [], roleBindings: [grant("edit", "*")] };
    await must(server.admin("POST", "/api/v1/rbac", root));
    await refused(server, "/api/v1/rbac", () => call("PUT", "/api/v1/rbac/root", { subjects: alice }));
    await refused(server, "/api/v1/rbac", () =>
      call("PUT", "/api/v1/rbac/of-alice", { roleBindings: root.roleBindings }),
    );
  });

  it("can grant rights that its maker holds through a group", async () => {
    const server = await testServer();
    const { call } = await server.user("alice");
    await must(server.admin("POST", "/api/v1/groups", { name: "keepers", members: ["alice"] }));
    const held = [grant("edit", "rbac"), grant("run", "llms")];
    const subjects = [{ kind: "Group", name: "keepers" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "keepers", subjects, roleBindings: held }));
    const passed = { name: "passed", subjects: [], roleBindings: [grant("run", "llm")] };
    const { body } = await must(call("POST", "/api/v1/rbac", passed));
    expect(body.roleBindings).toEqual([grant("run", "llms")]);
    await refused(server, "/api/v1/rbac", () =>
      call("PUT", "/api/v1/rbac/passed", { roleBindings: [grant("expose", "llms")] }),
    );
  });

  it("is refused with the names of unknown resources and rows", async () => {
    const server = await testServer();
    const ask = async (...roleBindings: object[]) =>
      (await server.admin("POST", "/api/v1/rbac", { name: "b", subjects: [], roleBindings })).body.details;
    expect(await ask(grant("view", "lmls"), grant("view", "llms", "nope"), grant("view", "*", "x"))).toEqual([
      { path: "/roleBindings/1/name", message: 'there is no llm "nope"' },
      { path: "/roleBindings/0/resource", message: 'unknown resource; did you mean "llms"?' },
      { path: "/roleBindings/2/name", message: 'cannot be given for resource "*", which is all kinds' },
    ]);
    expect(await ask({ role: "view", action: "backup" })).toHaveLength(1);
    expect(await ask({ role: "own", resource: "llms" })).toHaveLength(1);
  });
});

describe("a group (T54)", () => {
  it("cannot get members from a user who does not hold its rights", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [grant("edit", "groups"), grant("view", "llms")]);
    for (const [name, held] of Object.entries({
      plain: [],
      readers: [grant("view", "llms")],
      owners: [grant("edit", "*")],
    })) {
      await must(
        server.admin("POST", "/api/v1/groups", { name, members: name === "owners" ? ["admin"] : [] }),
      );
      const subjects = [{ kind: "Group", name }];
      await must(server.admin("POST", "/api/v1/rbac", { name, subjects, roleBindings: held }));
    }
    await must(call("PUT", "/api/v1/groups/plain", { members: ["alice"] }));
    await must(call("PUT", "/api/v1/groups/readers", { members: ["alice"] }));
    const join = (members: string[]) => () => call("PUT", "/api/v1/groups/owners", { members });
    await refused(server, "/api/v1/groups", join(["admin", "alice"]));
    await refused(server, "/api/v1/groups", join(["alice"]));
    await must(join([])());
    expect((await call("GET", "/api/v1/auth/whoami")).body.groups).toEqual(["plain", "readers"]);
  });
});

describe("a token (T54, T55)", () => {
  it("cannot get more rights than its maker has, nor from a token more than that token has", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [
      grant("edit", "tokens"),
      grant("view", "llms"),
      grant("run", "llms"),
    ]);
    await refused(server, "/api/v1/tokens", () =>
      call("POST", "/api/v1/tokens", { name: "t", roleBindings: [grant("edit", "llms")] }),
    );
    const small = { name: "small", roleBindings: [grant("create", "tokens"), grant("view", "llms")] };
    const { body } = await must(call("POST", "/api/v1/tokens", small));
    const byToken = server.as(body.token);
    await refused(server, "/api/v1/tokens", () =>
      byToken("POST", "/api/v1/tokens", { name: "t", roleBindings: [grant("run", "llms")] }),
    );
    const child = await must(
      byToken("POST", "/api/v1/tokens", { name: "child", roleBindings: [grant("view", "llms")] }),
    );
    expect(child.body.owner).toBe("alice");
    expect((await server.as(child.body.token)("GET", "/api/v1/llms")).status).toBe(200);
  });

  it("loses the rights that its maker loses, at the next request", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [
      grant("create", "tokens"),
      grant("view", "llms"),
      grant("view", "projects"),
    ]);
    const roleBindings = [grant("view", "llms"), grant("view", "projects")];
    const token = server.as(
      (await must(call("POST", "/api/v1/tokens", { name: "t", roleBindings }))).body.token,
    );
    expect((await token("GET", "/api/v1/llms")).status).toBe(200);
    await must(server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: [grant("view", "projects")] }));
    expect((await token("GET", "/api/v1/llms")).status).toBe(403);
    expect((await token("GET", "/api/v1/projects")).status).toBe(200);
    expect((await call("GET", "/api/v1/llms")).status).toBe(403);
  });

  it("gets the rights of a binding, and no more than its maker has", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [grant("create", "tokens"), grant("view", "llms")]);
    const token = server.as((await must(call("POST", "/api/v1/tokens", { name: "t" }))).body.token);
    expect((await token("GET", "/api/v1/llms")).status).toBe(403);
    const subjects = [{ kind: "Token", name: "t" }];
    const roleBindings = [grant("view", "llms"), grant("view", "secrets")];
    await must(server.admin("POST", "/api/v1/rbac", { name: "t", subjects, roleBindings }));
    expect((await token("GET", "/api/v1/llms")).status).toBe(200);
    expect((await token("GET", "/api/v1/secrets")).status).toBe(403);
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    const { body } = await must(server.admin("POST", "/api/v1/tokens", { name: "t", project: "p" }));
    expect((await server.as(body.token)("GET", "/api/v1/llms")).status).toBe(403);
  });

  it("is deleted with its maker and all sessions; bindings that name it stay", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [grant("create", "tokens"), grant("view", "llms")]);
    const { body } = await must(
      call("POST", "/api/v1/tokens", { name: "t", roleBindings: [grant("view", "llms")] }),
    );
    const subjects = [...alice, { kind: "Token", name: "t" }, { kind: "User", name: "admin" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "both", subjects, roleBindings: [] }));
    await must(server.admin("POST", "/api/v1/groups", { name: "g", members: ["alice", "admin"] }));
    expect((await server.admin("DELETE", "/api/v1/users/alice")).status).toBe(204);
    expect((await call("GET", "/api/v1/llms")).status).toBe(401);
    expect((await server.as(body.token)("GET", "/api/v1/llms")).status).toBe(401);
    expect((await server.admin("GET", "/api/v1/tokens")).body).toEqual([]);
    expect((await server.admin("GET", "/api/v1/rbac/both")).body.subjects).toEqual([
      { kind: "User", name: "admin" },
    ]);
    expect((await server.admin("GET", "/api/v1/rbac/of-alice")).body.subjects).toEqual([]);
    expect((await server.admin("GET", "/api/v1/groups/g")).body.members).toEqual(["admin"]);
    // A later user of that name starts with nothing.
    const again = await server.user("alice");
    expect((await again.call("GET", "/api/v1/llms")).status).toBe(403);
    expect((await again.call("GET", "/api/v1/auth/whoami")).body.groups).toEqual([]);
  });
});

describe("another user's password (T54)", () => {
  it("can be set only by a user who has all rights of this user", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [grant("edit", "users"), grant("view", "llms")]);
    await server.user("bob", [grant("run", "llms")]);
    await server.user("carol", [grant("view", "llms")]);
    await server.user("dave", [grant("edit", "llms")]);
    const password = "a-new-password";
    const put = (name: string) => call("PUT", `/api/v1/users/${name}`, { password });
    await refused(server, "/api/v1/users", () => put("bob"));
    await refused(server, "/api/v1/users", () => put("admin"));
    await refused(server, "/api/v1/users", () => call("PUT", "/api/v1/users/bob", { password: null }));
    await refused(server, "/api/v1/users", () => call("DELETE", "/api/v1/users/bob"));
    await must(put("carol"));
    expect((await put("alice")).status).toBe(400);
    expect((await call("PUT", "/api/v1/users/alice", { displayName: "Alice" })).status).toBe(200);
    expect((await server.as()("POST", "/api/v1/auth/login", { user: "bob", password })).status).toBe(401);
    expect((await server.as()("POST", "/api/v1/auth/login", { user: "carol", password })).status).toBe(200);
  });

  it("cannot be set to get at private rows of that user", async () => {
    const server = await testServer();
    const rights = [grant("edit", "users"), grant("edit", "llms")];
    const { call } = await server.user("alice", rights);
    const bob = await server.user("bob", [grant("edit", "llms")]);
    const password = "a-new-password";
    await must(bob.call("POST", "/api/v1/llms?probe=false", { ...llm, name: "mine", visibility: "private" }));
    await refused(server, "/api/v1/users", () => call("PUT", "/api/v1/users/bob", { password }));
    await must(bob.call("PUT", "/api/v1/llms/mine", { visibility: "public" }));
    await must(call("PUT", "/api/v1/users/bob", { password }));
  });
});

it("of the administrator can be set by nobody else", async () => {
  const server = await testServer();
  for (const call of [server.admin, (await server.token("root", [grant("edit", "*")])).call]) {
    const { status, body } = await call("DELETE", "/api/v1/users/admin");
    expect([status, body.code]).toEqual([409, "conflict"]);
  }
});

describe("an llm's key (T12)", () => {
  async function withSecret() {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: "sk-value" } }));
    const apiKeyRef = { name: "key", key: "k" };
    const url = "https://one.example/base";
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "a", url, apiKeyRef }));
    return { server, apiKeyRef };
  }

  it("can be set only by a user who may expose the secret", async () => {
    const { server, apiKeyRef } = await withSecret();
    const editor = await server.token("editor", [grant("edit", "llms"), grant("edit", "secrets")]);
    const post = (ref: object) =>
      editor.call("POST", "/api/v1/llms?probe=false", { ...llm, name: "b", apiKeyRef: ref });
    await refused(server, "/api/v1/llms", () => post(apiKeyRef));
    const [there, missing] = [await post(apiKeyRef), await post({ name: "kez", key: "k" })];
    expect(there.body.error).toBe(missing.body.error.replace("kez", "key"));
    await must(editor.call("POST", "/api/v1/llms?probe=false", { ...llm, name: "b" }));
    await refused(server, "/api/v1/llms", () => editor.call("PUT", "/api/v1/llms/b", { apiKeyRef }));

    const exposer = await server.token("exposer", [grant("edit", "llms"), grant("expose", "secrets", "key")]);
    await must(exposer.call("PUT", "/api/v1/llms/b", { apiKeyRef }));
  });

  it("must exist: an unknown secret or key returns 400", async () => {
    const { server } = await withSecret();
    const put = (apiKeyRef: object) => server.admin("PUT", "/api/v1/llms/a", { apiKeyRef });
    expect((await put({ name: "nope", key: "k" })).body).toMatchObject({
      code: "invalid_request",
      details: [{ path: "/apiKeyRef", message: 'there is no secret "nope"' }],
    });
    expect((await put({ name: "key", key: "nope" })).body).toMatchObject({
      code: "invalid_request",
      details: [{ path: "/apiKeyRef/key", message: 'secret "key" has no key "nope"; it has "k"' }],
    });
  });

  it("is cleared when the url moves to another origin or path, unless the user may expose the secret", async () => {
    const { server, apiKeyRef } = await withSecret();
    const { call } = await server.token("editor", [grant("edit", "llms")]);
    const put = async (fields: object, by = call) =>
      (await must(by("PUT", "/api/v1/llms/a", fields))).body.apiKeyRef;
    expect(await put({ url: "https://one.example/base/v1/", description: "x" })).toEqual(apiKeyRef);
    expect(await put({ url: "https://two.example" }, server.admin)).toEqual(apiKeyRef);
    const moves = [
      { url: "https://three.example" },
      { url: "https://two.example:8443" },
      { url: "https://two.example/other-tenant" },
      { url: "https://two.example/v1/other-tenant/v1" },
      { url: "http://two.example" },
      { url: null },
      { url: "https://three.example", apiKeyRef },
    ];
    for (const move of moves) {
      expect(await put(move), JSON.stringify(move)).toBeNull();
      await put({ url: "https://two.example", apiKeyRef }, server.admin);
    }
  });
});

describe("a grant on a name (T49, T50)", () => {
  it("ends with its row, also if another owner creates a row of that name", async () => {
    const server = await testServer();
    const bob = await server.user("bob", [grant("edit", "llms")]);
    const post = () => must(bob.call("POST", "/api/v1/llms?probe=false", { ...llm, name: "a" }));
    await post();
    const { call } = await server.user("alice", [grant("view", "llms", "a"), grant("edit", "llms", "a")]);
    const status = async () => (await call("GET", "/api/v1/llms/a")).status;
    expect(await status()).toBe(200);

    await must(bob.call("DELETE", "/api/v1/llms/a"));
    expect(await status()).toBe(404);
    await post();
    expect(await status()).toBe(200);

    await must(bob.call("DELETE", "/api/v1/llms/a"));
    const missing = told(await call("GET", "/api/v1/llms/a"));
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "a" }));
    expect(await status()).toBe(403);
    expect((await call("DELETE", "/api/v1/llms/a")).status).toBe(403);
    expect((await call("GET", "/api/v1/llms")).body).toEqual([]);
    // A private one is not even there, as if nobody had made it.
    await must(server.admin("PUT", "/api/v1/llms/a", { visibility: "private" }));
    expect(told(await call("GET", "/api/v1/llms/a"))).toEqual(missing);

    await must(server.admin("PUT", "/api/v1/rbac/of-alice", { subjects: alice }));
    expect(await status()).toBe(404);
    const { body } = await server.admin("GET", "/api/v1/rbac/of-alice");
    await must(server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: body.roleBindings }));
    expect(await status()).toBe(200);
  });

  it("cannot move by a rename, because names are immutable", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...llm, name: "a" }));
    const { status, body } = await server.admin("PUT", "/api/v1/llms/a", { name: "b" });
    expect([status, body.details]).toEqual([400, [{ path: "/name", message: "cannot be changed" }]]);
  });
});

it("a body cannot set fields that only the server sets (T58)", async () => {
  const server = await testServer();
  const { call } = await server.token("editor", [grant("edit", "llms")]);
  const own = {
    id: "llm_00000000000000000000000000",
    owner: "alice",
    origin: "virtual",
    status: "active",
    createdAt: "2020-01-01T00:00:00Z",
  };
  const fault = (field: string) => ({ path: `/${field}`, message: "is set by the server" });
  const posted = await call("POST", "/api/v1/llms", { ...llm, name: "a", ...own });
  expect([posted.status, posted.body.details]).toEqual([400, Object.keys(own).map(fault)]);
  await must(call("POST", "/api/v1/llms?probe=false", { ...llm, name: "a" }));
  const put = await call("PUT", "/api/v1/llms/a", { owner: "alice", id: own.id });
  expect([put.status, put.body.details]).toEqual([400, [fault("owner"), fault("id")]]);
  expect((await call("GET", "/api/v1/llms/a")).body.owner).toBe("admin");
});
