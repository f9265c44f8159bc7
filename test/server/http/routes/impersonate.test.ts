import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";

const minute = 60 * 1000;

async function team() {
  const clock = { now: Date.parse("2026-11-21T10:00:00Z") };
  const server = await testServer({ now: () => clock.now });
  const create = (path: string, body: object) => must(server.admin("POST", `/api/v1/${path}`, body));
  const session = async (user: string) =>
    (await must(server.as()("POST", "/api/v1/auth/login", { user, password: "correct horse" }))).body
      .token as string;
  for (const name of ["alice", "bob", "carol"]) await create("users", { name, password: "correct horse" });
  const bind = (user: string, ...roleBindings: object[]) =>
    create("rbac", { name: `of-${user}`, subjects: [{ kind: "User", name: user }], roleBindings });
  return { server, clock, create, session, bind };
}

const act = (server: TestServer, bearer: string, user: string) =>
  server.as(bearer)("POST", "/api/v1/auth/impersonate", { user });

const support = { role: "run", action: "impersonate" };

describe("POST /api/v1/auth/impersonate", () => {
  it("acts as a user with the rights that both have, and audits both", async () => {
    const { server, clock, create, session, bind } = await team();
    await create("llms", { name: "shared", type: "openai", model: "m" });
    await create("secrets", { name: "keys", data: { a: "1" } });
    await bind("alice", support, { role: "view", resource: "llms" });
    await bind("bob", { role: "view", resource: "llms" }, { role: "edit", resource: "secrets" });
    const { body, headers } = await must(act(server, await session("alice"), "bob"));
    expect(body).toEqual({
      token: expect.stringMatching(/^mcpctl_ses_/),
      expiresAt: new Date(clock.now + 60 * minute).toISOString(),
    });
    expect(headers.get("cache-control")).toBe("no-store");
    const asBob = server.as(body.token);
    const { body: identity } = await must(asBob("GET", "/api/v1/auth/whoami"));
    expect(identity).toMatchObject({ kind: "User", user: "bob", impersonator: "alice", admin: false });
    expect((await must(asBob("GET", "/api/v1/llms"))).body).toHaveLength(1);
    // Bob may, alice may not.
    expect((await asBob("GET", "/api/v1/secrets")).status).toBe(403);
    await must(asBob("POST", "/api/v1/auth/logout"));
    expect((await asBob("GET", "/api/v1/llms")).status).toBe(401);
    const events = (await must(server.admin("GET", "/api/v1/audit?limit=50"))).body as {
      action: string;
      user: string;
      detail?: object;
    }[];
    const begin = events.find(({ action }) => action === "impersonate");
    expect(begin).toMatchObject({ user: "alice", detail: { kind: "user", name: "bob" } });
    const end = events.find(({ action }) => action === "logout");
    expect(end).toMatchObject({ user: "bob", detail: { impersonatedBy: "alice" } });
  });

  it("names both in the audit log of what is done meanwhile", async () => {
    const { server, create, session, bind } = await team();
    await create("llms", { name: "shared", type: "openai", model: "m" });
    await bind("alice", support, { role: "edit", resource: "llms" });
    await bind("bob", { role: "edit", resource: "llms" });
    const { body } = await must(act(server, await session("alice"), "bob"));
    await must(server.as(body.token)("PUT", "/api/v1/llms/shared", { description: "changed" }));
    const events = (await must(server.admin("GET", "/api/v1/audit?action=update"))).body;
    expect(events).toMatchObject([{ user: "bob", detail: { name: "shared", impersonatedBy: "alice" } }]);
  });

  it("needs the operation, also of a token and its user, and is not for those with limits (T224)", async () => {
    const { server, create, session, bind } = await team();
    await bind("carol", { role: "edit", resource: "*" });
    expect((await act(server, await session("carol"), "bob")).status).toBe(403);
    await bind("alice", support, { role: "edit", resource: "tokens" });
    const bearer = await session("alice");
    const made = await must(server.as(bearer)("POST", "/api/v1/tokens", { name: "weak", roleBindings: [] }));
    expect((await act(server, made.body.token, "bob")).status).toBe(403);
    expect((await act(server, bearer, "nobody")).status).toBe(404);
    expect((await act(server, bearer, "alice")).status).toBe(400);
    const { body } = await must(act(server, bearer, "bob"));
    await create("groups", { name: "small", members: ["alice"], limits: { requestsPerMinute: 5 } });
    expect((await act(server, bearer, "bob")).body.error).toContain("users with limits");
    // One that has begun ends, too.
    expect((await server.as(body.token)("GET", "/api/v1/auth/whoami")).status).toBe(401);
  });

  it("gives nothing that lasts: no password, no token, no further user (T225)", async () => {
    const { server, bind } = await team();
    const all = ["users", "tokens", "rbac"].map((resource) => ({ role: "edit", resource }));
    await bind("bob", support, ...all);
    const { body } = await must(server.admin("POST", "/api/v1/auth/impersonate", { user: "bob" }));
    const asBob = server.as(body.token);
    const before = (await must(server.admin("GET", "/api/v1/tokens"))).body;
    for (const answer of [
      await asBob("POST", "/api/v1/tokens", { name: "kept", roleBindings: [] }),
      await asBob("POST", "/api/v1/auth/passwd", { current: "correct horse", password: "battery staple" }),
      await act(server, body.token, "carol"),
    ])
      expect([answer.status, answer.body.error]).toEqual([403, expect.stringMatching(/act(ing)? as/)]);
    expect((await must(server.admin("GET", "/api/v1/tokens"))).body).toEqual(before);
  });

  it("ends with the login, the token and the right of whoever began it (T225)", async () => {
    const { server, clock, create, session, bind } = await team();
    const bound = await bind("alice", support, { role: "edit", resource: "tokens" });
    const bearer = await session("alice");
    const status = async (token: string) => (await server.as(token)("GET", "/api/v1/auth/whoami")).status;
    const ofLogin = (await must(act(server, bearer, "bob"))).body.token;
    const made = await must(
      server.as(bearer)("POST", "/api/v1/tokens", { name: "t", roleBindings: [support] }),
    );
    const ofToken = (await must(act(server, made.body.token, "bob"))).body.token;
    expect([await status(ofLogin), await status(ofToken)]).toEqual([200, 200]);
    await must(server.as(bearer)("DELETE", "/api/v1/tokens/t"));
    await must(server.as(bearer)("POST", "/api/v1/auth/logout"));
    expect([await status(ofLogin), await status(ofToken)]).toEqual([401, 401]);
    const again = (await must(act(server, await session("alice"), "bob"))).body.token;
    await must(server.admin("DELETE", `/api/v1/rbac/${bound.body.id}`));
    expect(await status(again)).toBe(401);
    const last = (await must(server.admin("POST", "/api/v1/auth/impersonate", { user: "bob" }))).body.token;
    clock.now += 61 * minute;
    expect(await status(last)).toBe(401);
    await create("users", { name: "dora" });
  });

  it("uses up the sessions of whoever begins it, and not of the other user (T225)", async () => {
    const { server, session, bind } = await team();
    await bind("alice", support);
    for (const user of ["alice", "bob"])
      await must(server.admin("PUT", `/api/v1/users/${user}`, { quotas: { sessions: 3 } }));
    const bearer = await session("alice");
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await act(server, bearer, "bob")).status);
    expect(statuses).toEqual([200, 200, 429]);
    await session("bob");
  });
});
