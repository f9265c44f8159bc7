import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer, told } from "../../../support/server.ts";

const day = 24 * 60 * 60 * 1000;

/** A server whose clock the test moves. */
async function withClock() {
  const clock = { now: Date.parse("2026-11-21T10:00:00Z"), elapsed: 0 };
  const server = await testServer({ now: () => clock.now, elapsed: () => clock.elapsed });
  return { server, clock };
}

function login(server: TestServer, user: string, password: string) {
  return server.as()("POST", "/api/v1/auth/login", { user, password });
}

describe("login", () => {
  it("returns a bearer and its expiry, and stores neither bearer nor password", async () => {
    const { server, clock } = await withClock();
    await must(server.admin("POST", "/api/v1/users", { name: "alice", password: "correct horse" }));
    const { body, headers } = await must(login(server, "alice", "correct horse"));
    expect(body).toEqual({
      token: expect.stringMatching(/^mcpctl_ses_[0-9a-z]{39}$/),
      expiresAt: new Date(clock.now + 30 * day).toISOString(),
    });
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("set-cookie")).toBeNull();
    const whoami = await must(server.as(body.token)("GET", "/api/v1/auth/whoami"));
    expect(whoami.body).toEqual({
      kind: "User",
      user: "alice",
      groups: [],
      admin: false,
      expiresAt: body.expiresAt,
    });
    const files = await Array.fromAsync(new Bun.Glob("mcpctl.db*").scan(server.folder), (name) =>
      Bun.file(`${server.folder}/${name}`).text(),
    );
    expect(files.join("").includes("alice")).toBe(true);
    for (const secret of [body.token, "correct horse"]) expect(files.join("").includes(secret)).toBe(false);
  });

  it("returns the same error for a wrong user, a wrong password and a user without one, as the administrator is at first (T80, T81)", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/users", { name: "alice", password: "correct horse" }));
    await must(server.admin("POST", "/api/v1/users", { name: "bob" }));
    const answers = [
      await login(server, "alice", "wrong horse"),
      await login(server, "alice", ""),
      await login(server, "mallory", "correct horse"),
      await login(server, "bob", ""),
      await login(server, "admin", "admin"),
    ];
    expect(answers[0]!.status).toBe(401);
    for (const answer of answers) expect(told(answer)).toEqual(told(answers[0]!));
    expect(answers.map(({ text }) => text).join()).not.toMatch(/alice|mallory|horse/);
  });

  it("is refused with 429 after five failures of a user, from whatever address", async () => {
    const { server, clock } = await withClock();
    await must(server.admin("POST", "/api/v1/users", { name: "alice", password: "correct horse" }));
    const viaSocket = () => server.admin("POST", "/api/v1/auth/login", { user: "alice", password: "wrong" });
    for (let failure = 0; failure < 5; failure++) expect((await viaSocket()).status).toBe(401);
    const late = await login(server, "alice", "correct horse");
    expect([late.status, late.body.code, late.headers.get("retry-after")]).toEqual([
      429,
      "too_many_requests",
      "60",
    ]);
    clock.elapsed += 60_000;
    expect((await login(server, "alice", "correct horse")).status).toBe(200);
  });

  it.each([
    ["back", -1],
    ["forward", 1],
  ])("waits no longer and no shorter after the clock is set %s by a day (T91)", async (_way, direction) => {
    const { server, clock } = await withClock();
    const attempt = () => login(server, "nobody", "wrong");
    for (let failure = 0; failure < 5; failure++) expect((await attempt()).status).toBe(401);
    clock.now += direction * day;
    const refused = await attempt();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    clock.elapsed += 60_000;
    expect((await attempt()).status).toBe(401);
  });

  it("is refused with 429 after five failures from an address, for whatever user, also with a query in the URL", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/users", { name: "alice", password: "correct horse" }));
    for (const name of ["a", "b", "c", "d", "e"]) {
      const body = { user: name, password: "wrong" };
      expect((await server.as()("POST", "/api/v1/auth/login?x=1", body)).status).toBe(401);
    }
    expect((await login(server, "alice", "correct horse")).status).toBe(429);
  });

  it("checks five of twenty attempts at once", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/users", { name: "alice", password: "correct horse" }));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => login(server, "alice", `wrong ${i}`)),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(401), count(429)]).toEqual([5, 15]);
  });

  it("does not count successes", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/users", { name: "alice", password: "correct horse" }));
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => login(server, "alice", "correct horse")),
    );
    answers.push(await login(server, "alice", "correct horse"));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(new Set(answers.map(({ body }) => body.token)).size).toBe(6);
  });

  it.each([
    [{ user: "alice" }, "/password"],
    [{ user: 1, password: "hunter2" }, "/user"],
    [{ user: "alice", password: ["hunter2"] }, "/password"],
    [{ user: "alice", password: "hunter2", remember: true }, "/remember"],
    [{ user: "alice", pasword: "hunter2", password: "x" }, "/pasword"],
  ])("refuses %j, without its values in the error (T20)", async (body, path) => {
    const server = await testServer();
    const { status, body: answer, text } = await server.as()("POST", "/api/v1/auth/login", body);
    expect([status, answer.details[0].path]).toEqual([400, path]);
    expect(text).not.toContain("hunter2");
  });
});

describe("a session", () => {
  it("expires", async () => {
    const { server, clock } = await withClock();
    const { call } = await server.user("alice");
    clock.now += 30 * day - 1;
    expect((await call("GET", "/api/v1/auth/whoami")).status).toBe(200);
    clock.now += 1;
    const { status, headers } = await call("GET", "/api/v1/auth/whoami");
    expect([status, headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  });

  it("ends with its own logout, not with that of another session", async () => {
    const server = await testServer();
    const { call } = await server.user("alice");
    const second = server.as((await must(login(server, "alice", "alice-password"))).body.token);
    expect((await call("POST", "/api/v1/auth/logout")).status).toBe(204);
    expect((await call("GET", "/api/v1/auth/whoami")).status).toBe(401);
    expect((await call("POST", "/api/v1/auth/logout")).status).toBe(401);
    expect((await second("GET", "/api/v1/auth/whoami")).status).toBe(200);
    expect((await server.admin("POST", "/api/v1/auth/logout")).body.error).toBe(
      "the bearer is not a login session",
    );
  });

  it("is valid after a restart of the server", async () => {
    const first = await testServer();
    const { bearer } = await first.user("alice");
    await first.stop();
    const second = await testServer({ folder: first.folder });
    expect((await second.as(bearer)("GET", "/api/v1/auth/whoami")).body.user).toBe("alice");
  });

  it("ends when another user sets the password", async () => {
    const server = await testServer();
    const { call } = await server.user("alice");
    await must(server.admin("PUT", "/api/v1/users/alice", { password: "another password" }));
    expect((await call("GET", "/api/v1/auth/whoami")).status).toBe(401);
    await must(server.admin("PUT", "/api/v1/users/alice", { password: null }));
    expect((await server.admin("GET", "/api/v1/users/alice")).body.hasPassword).toBe(false);
    expect((await login(server, "alice", "another password")).status).toBe(401);
  });
});

describe("passwd", () => {
  it("needs the current password, and ends the user's other sessions", async () => {
    const server = await testServer();
    const { call } = await server.user("alice");
    const other = server.as((await must(login(server, "alice", "alice-password"))).body.token);
    const passwd = (body: object, path = "/api/v1/auth/passwd") => call("POST", path, body);
    expect((await passwd({ password: "new password" })).status).toBe(403);
    expect((await passwd({ current: "wrong", password: "new password" })).status).toBe(403);
    expect((await passwd({ password: "new password" }, "/api/v1/auth/passwd?x")).status).toBe(403);
    expect((await passwd({ current: "alice-password", password: "short" })).status).toBe(400);
    expect((await other("GET", "/api/v1/auth/whoami")).status).toBe(200);
    expect((await passwd({ current: "alice-password", password: "new password" })).status).toBe(204);
    expect((await other("GET", "/api/v1/auth/whoami")).status).toBe(401);
    expect((await call("GET", "/api/v1/auth/whoami")).status).toBe(200);
    expect((await login(server, "alice", "alice-password")).status).toBe(401);
    expect((await login(server, "alice", "new password")).status).toBe(200);
  });

  it("is refused with 429 after five failures", async () => {
    const server = await testServer();
    const { call } = await server.user("alice");
    const guess = (i: number) =>
      call("POST", "/api/v1/auth/passwd", { current: `wrong ${i}`, password: "new password" });
    const answers = await Promise.all([0, 1, 2, 3, 4, 5, 6].map(guess));
    expect(answers.map(({ status }) => status).sort()).toEqual([403, 403, 403, 403, 403, 429, 429]);
  });

  it("sets the first password of the administrator over the Unix socket, without a current one (T80)", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/auth/passwd", { password: "root password" }));
    const { body } = await must(login(server, "admin", "root password"));
    expect((await server.as(body.token)("GET", "/api/v1/auth/whoami")).body.admin).toBe(true);
    await must(server.admin("POST", "/api/v1/auth/passwd", { password: "root password 2" }));
    expect((await server.as(body.token)("GET", "/api/v1/auth/whoami")).status).toBe(401);
  });

  it("is refused for tokens", async () => {
    const server = await testServer();
    const { call } = await server.token("root", [{ role: "edit", resource: "*" }]);
    expect((await call("POST", "/api/v1/auth/passwd", { password: "new password" })).status).toBe(403);
  });
});

describe("a token", () => {
  it("is shown once, then only its prefix, and refused when it has expired (T91)", async () => {
    const { server, clock } = await withClock();
    const expiresAt = new Date(clock.now + day).toISOString();
    const roleBindings = [{ role: "view", resource: "tokens" }];
    const { body } = await must(
      server.admin("POST", "/api/v1/tokens", { name: "t", expiresAt, roleBindings }),
    );
    const call = server.as(body.token);
    expect(body.token).toMatch(/^mcpctl_pat_[0-9a-z]{39}$/);
    const shown = await must(call("GET", "/api/v1/tokens/t"));
    expect(shown.body).toMatchObject({
      prefix: body.token.slice(0, 17),
      status: "active",
      expiresAt,
      owner: "admin",
    });
    expect(shown.text).not.toContain(body.token);
    expect((await call("GET", "/api/v1/auth/whoami")).body).toMatchObject({
      kind: "Token",
      token: "t",
      user: "admin",
    });
    clock.now += day;
    expect((await call("GET", "/api/v1/tokens/t")).status).toBe(401);
    expect((await server.admin("GET", "/api/v1/tokens/t")).body.status).toBe("expired");
    const past = await server.admin("POST", "/api/v1/tokens", { name: "late", expiresAt });
    expect(past.body.details).toEqual([{ path: "/expiresAt", message: "must be in the future" }]);
  });

  it("shows its last use to the minute, also after a restart", async () => {
    const { server, clock } = await withClock();
    const { call } = await server.token("t", [{ role: "view", resource: "llms" }]);
    const lastUsedAt = async (from = server) => (await from.admin("GET", "/api/v1/tokens/t")).body.lastUsedAt;
    expect(await lastUsedAt()).toBeNull();
    clock.now += 90_000;
    await call("GET", "/api/v1/llms");
    expect(await lastUsedAt()).toBe("2026-11-21T10:01:00.000Z");
    await server.stop();
    const again = await testServer({ folder: server.folder, now: () => clock.now + day });
    expect(await lastUsedAt(again)).toBe("2026-11-21T10:01:00.000Z");
  });

  it("is refused when its row is deleted, and cannot be changed", async () => {
    const server = await testServer();
    const { call } = await server.token("t", [{ role: "view", resource: "llms" }]);
    const put = await server.admin("PUT", "/api/v1/tokens/t", {
      roleBindings: [{ role: "edit", resource: "*" }],
    });
    expect([put.status, put.body.details[0].message]).toEqual([400, "cannot be changed"]);
    await must(server.admin("DELETE", "/api/v1/tokens/t"));
    expect((await call("GET", "/api/v1/llms")).status).toBe(401);
  });

  it.each(["", "nonsense", "mcpctl_pat_00000000000000000000000000000000vx0r7z8", "Bearer"])(
    "is refused if it is %j",
    async (bearer) => {
      const server = await testServer();
      const { status, body } = await server.as(bearer)("GET", "/api/v1/llms");
      expect([status, body.code]).toEqual([401, "unauthenticated"]);
    },
  );
});

describe("can-i", () => {
  it("decides about kinds, names and operations as the routes do", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/llms?probe=false", { name: "a", type: "openai", model: "m" }));
    const grants = [
      { role: "view", resource: "projects" },
      { role: "run", resource: "llms", name: "a" },
      { role: "run", action: "backup" },
    ];
    const { call } = await server.token("t", grants);
    const ask = async (question: object) => (await call("POST", "/api/v1/auth/can-i", question)).body.allowed;
    expect(await ask({ verb: "get", resource: "project" })).toBe(true);
    expect(await ask({ verb: "list", resource: "proj" })).toBe(true);
    expect(await ask({ verb: "create", resource: "projects" })).toBe(false);
    expect(await ask({ verb: "run", resource: "llms", name: "a" })).toBe(true);
    expect(await ask({ verb: "run", resource: "llms", name: "b" })).toBe(false);
    expect(await ask({ verb: "view", resource: "audit" })).toBe(false);
    expect(await ask({ verb: "run", action: "backup" })).toBe(true);
    expect(await ask({ verb: "run", action: "restore" })).toBe(false);
  });

  it.each([
    [{ verb: "constructor", resource: "llms" }, 'unknown verb "constructor"'],
    [{ verb: "run", action: "toString" }, 'unknown action "toString"'],
    [{ verb: "view" }, "resource is required"],
    [{}, "verb: is required"],
  ])("refuses %j", async (question, error) => {
    const server = await testServer();
    const { status, body } = await server.admin("POST", "/api/v1/auth/can-i", question);
    expect([status, body.error]).toEqual([400, error]);
  });
});
