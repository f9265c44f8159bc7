import { describe, expect, it } from "vitest";
import { must, testServer } from "../../../support/server.ts";

const path = "/api/v1/audit";

describe("the audit log", () => {
  it("has the user, the row and the names of changed fields of a change, and never their values (T25)", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: "canary-value" } }));
    const created = await must(
      server.admin("POST", "/api/v1/projects", { name: "p", prompt: "canary-prompt" }),
    );
    const editor = await server.token("editor", [
      { role: "edit", resource: "projects" },
      { role: "edit", resource: "secrets" },
    ]);
    await must(
      editor.call("PUT", "/api/v1/projects/p", {
        prompt: "canary-prompt-2",
        sampling: "deny",
        description: "",
      }),
    );
    await must(editor.call("PUT", "/api/v1/secrets/key", { data: { k: "canary-value-2" } }));
    await must(editor.call("PUT", "/api/v1/projects/p", {}));
    const deleted = await must(editor.call("DELETE", "/api/v1/projects/p"));
    const { body, text } = await must(server.admin("GET", path));
    const { id } = created.body;
    const tokenId = (await server.admin("GET", "/api/v1/tokens/editor")).body.id;
    const userId = (await server.admin("GET", "/api/v1/users/admin")).body.id;
    const of = (kind: string) =>
      body.filter((event: { detail?: { kind: string } }) => event.detail?.kind === kind);
    expect(of("project")).toEqual([
      {
        at: expect.any(String),
        action: "delete",
        requestId: deleted.headers.get("x-request-id"),
        user: "admin",
        userId,
        token: "editor",
        tokenId,
        status: 204,
        detail: { kind: "project", name: "p", id },
      },
      {
        at: expect.any(String),
        action: "update",
        requestId: expect.any(String),
        user: "admin",
        userId,
        token: "editor",
        tokenId,
        status: 200,
        detail: { kind: "project", name: "p", id, fields: ["prompt", "sampling"] },
      },
      {
        at: expect.any(String),
        action: "create",
        requestId: created.headers.get("x-request-id"),
        user: "admin",
        userId,
        tokenId: null,
        status: 201,
        detail: { kind: "project", name: "p", id },
      },
    ]);
    expect(of("secret")[0]).toMatchObject({ action: "update", detail: { name: "key", fields: ["data"] } });
    expect(text).not.toContain("canary");
  });

  it("has no event of a refused write, or of a write that changed nothing", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    const { call } = await server.token("viewer", [{ role: "view", resource: "projects" }]);
    const before = (await server.admin("GET", path)).body;
    await call("DELETE", "/api/v1/projects/p");
    await server.admin("POST", "/api/v1/projects", { name: "p" });
    await server.admin("PUT", "/api/v1/projects/p", { prompt: 5 });
    await server.admin("PUT", "/api/v1/projects/p", { prompt: "" });
    await server.admin("DELETE", "/api/v1/projects/q");
    expect((await server.admin("GET", path)).body).toEqual(before);
  });

  it("has every login, failed login, logout and change of a password, without the password", async () => {
    const server = await testServer();
    const { call } = await server.user("alice");
    const login = (user: string) =>
      server.as()("POST", "/api/v1/auth/login", { user, password: "canary-wrong" });
    await login("alice");
    await login("nobody-canary");
    await call("POST", "/api/v1/auth/passwd", { current: "alice-password", password: "canary-password" });
    await call("POST", "/api/v1/auth/logout");
    const { body, text } = await must(server.admin("GET", path));
    const events = body.map(({ action, user, status }: Record<string, unknown>) => [action, user, status]);
    expect(events).toEqual([
      ["logout", "alice", 204],
      ["passwd", "alice", 204],
      ["login_failed", null, 401],
      ["login_failed", "alice", 401],
      ["login", "alice", 200],
      ["create", "admin", 201],
    ]);
    expect(text).not.toContain("canary");
  });

  it("is filtered by time, user and action, newest first, up to the limit", async () => {
    let now = Date.parse("2026-11-21T10:00:00Z");
    const server = await testServer({ now: () => now });
    await server.user("alice");
    now += 60_000;
    for (const name of ["a", "b", "c"]) {
      await must(server.admin("POST", "/api/v1/projects", { name }));
      now += 1000;
    }
    const ask = async (query: string) =>
      (await must(server.admin("GET", `${path}?${query}`))).body.map(
        (event: { action: string; detail?: { name: string } }) => event.detail?.name ?? event.action,
      );
    expect(await ask("action=create&limit=2")).toEqual(["c", "b"]);
    expect(await ask("since=2026-11-21T10:01:01Z")).toEqual(["c", "b"]);
    expect(await ask("until=2026-11-21T10:01:01Z&since=2026-11-21T10:01:00Z")).toEqual(["a"]);
    expect(await ask("user=alice")).toEqual(["login"]);
    const { userId } = (await server.admin("GET", `${path}?user=alice`)).body[0];
    await must(server.admin("DELETE", "/api/v1/users/alice"));
    expect(await ask(`user=${userId}`)).toEqual(["login"]);
    const { bearer } = await server.token("laptop", [{ role: "create", resource: "projects" }]);
    await must(server.as(bearer)("POST", "/api/v1/projects", { name: "d" }));
    expect(await ask("token=laptop")).toEqual(["d"]);
    await must(server.admin("DELETE", "/api/v1/tokens/laptop"));
    expect(await ask("token=laptop&action=create")).toEqual(["d"]);
    expect(await ask("token=nosuch")).toEqual([]);
    expect(await ask("limit=0")).toEqual([]);
    expect(await ask("action=nothing")).toEqual([]);
    for (const query of ["since=yesterday", "limit=many", "limit=-1"])
      expect((await server.admin("GET", `${path}?${query}`)).status).toBe(400);
  });

  it("needs view on audit", async () => {
    const server = await testServer();
    const auditor = await server.token("auditor", [{ role: "view", resource: "audit" }]);
    expect((await auditor.call("GET", path)).status).toBe(200);
    const other = await server.token("other", [
      { role: "edit", resource: "users" },
      { role: "view", resource: "metrics" },
    ]);
    expect((await other.call("GET", path)).status).toBe(403);
    for (const method of ["POST", "PUT", "DELETE"])
      expect((await server.admin(method, path)).status).toBe(404);
  });

  it("compares filters as they are: a wildcard is a letter like others (T69)", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/projects", { name: "p" }));
    const found = async (query: string) => (await must(server.admin("GET", `${path}?${query}`))).body.length;
    expect(await found("action=create")).toBeGreaterThan(0);
    for (const wildcard of ["%25", "c%25", "create%25", "_reate", "*", "cre*"])
      expect(await found(`action=${wildcard}`), wildcard).toBe(0);
    for (const filter of ["llm", "request"]) expect(await found(`${filter}=%25`)).toBe(0);
  });
});
