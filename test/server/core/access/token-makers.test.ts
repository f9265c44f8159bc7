import { describe, expect, it } from "vitest";
import { must, type TestServer, testServer } from "../../../support/server.ts";
import { chatFrames, chunk, reply, type Script, streamHead } from "../../../support/upstream.ts";
import { addLlm, withProvider } from "../../inference/setup.ts";

const run = { role: "run", resource: "llms" };
const edit = { role: "edit", resource: "tokens" };
const chat = "/v1/chat/completions";
const question = { model: "gpt", messages: [{ role: "user", content: "hi" }], max_tokens: 100 };

/** Answers with 60 tokens. */
const answering: Script = (request, connection) => {
  if (request.method === "GET") return connection.write(reply(200, { data: [] }));
  const usage = { prompt_tokens: 10, completion_tokens: 50, total_tokens: 60 };
  const message = { role: "assistant", content: "hello" };
  connection.write(reply(200, { choices: [{ index: 0, message, finish_reason: "stop" }], usage }));
};

/** Creates a token and returns what the server says, with a client for it. */
async function mint(server: TestServer, by: TestServer["admin"], name: string, more: object = {}) {
  const { body } = await must(by("POST", "/api/v1/tokens", { name, roleBindings: [run, edit], ...more }));
  return { body, bearer: body.token as string, call: server.as(body.token) };
}

describe("a token that was made by a token (T113)", () => {
  it("ends no later than its maker, and tells which one that is", async () => {
    let now = Date.parse("2026-11-20T00:00:00Z");
    const server = await testServer({ now: () => now });
    const end = "2026-11-21T00:00:00.000Z";
    const maker = await mint(server, server.admin, "maker", { expiresAt: end });
    const never = await mint(server, maker.call, "never");
    const later = await mint(server, never.call, "later", { expiresAt: "2027-01-01T00:00:00Z" });
    const sooner = await mint(server, maker.call, "sooner", { expiresAt: "2026-11-20T12:00:00Z" });
    expect([never, later, sooner].map(({ body }) => [body.maker, body.expiresAt])).toEqual([
      ["maker", end],
      ["never", end],
      ["maker", "2026-11-20T12:00:00Z"],
    ]);
    expect(maker.body.maker).toBeNull();
    expect((await later.call("GET", "/api/v1/auth/whoami")).status).toBe(200);
    now = Date.parse(end);
    for (const { call } of [maker, never, later])
      expect((await call("GET", "/api/v1/auth/whoami")).status).toBe(401);
  });

  it("has no right that its maker loses", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [edit, { role: "view", resource: "projects" }]);
    const maker = await mint(server, alice.call, "maker", { roleBindings: [edit] });
    const subjects = [{ kind: "Token", name: "maker" }];
    const roleBindings = [{ role: "view", resource: "projects" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "lent", subjects, roleBindings }));
    const child = await mint(server, maker.call, "child", { roleBindings });
    expect((await child.call("GET", "/api/v1/projects")).status).toBe(200);
    await must(server.admin("DELETE", "/api/v1/rbac/lent"));
    expect((await child.call("GET", "/api/v1/projects")).status).toBe(403);
    expect((await alice.call("GET", "/api/v1/projects")).status).toBe(200);
  });

  it("is deleted with its maker, over all generations, and its streams end", async () => {
    const endless: Script = (request, connection) => {
      if (request.method === "GET") return connection.write(reply(200, { data: [] }));
      connection.write(streamHead + chunk(chatFrames(["one "], false)[0]!));
    };
    const { server } = await withProvider(endless);
    const maker = await mint(server, server.admin, "maker");
    const child = await mint(server, maker.call, "child");
    const grandchild = await mint(server, child.call, "grandchild");
    const sibling = await mint(server, server.admin, "sibling");
    const streaming = await fetch(server.url + chat, {
      method: "POST",
      headers: { authorization: `Bearer ${grandchild.bearer}`, "content-type": "application/json" },
      body: JSON.stringify({ ...question, stream: true }),
    });
    const watching = await fetch(`${server.url}/api/v1/tokens?watch=1`, {
      headers: { authorization: `Bearer ${child.bearer}` },
    });
    expect((await server.admin("DELETE", "/api/v1/tokens/maker")).status).toBe(204);
    expect(await streaming.text()).toContain("error");
    await watching.text();
    for (const { call } of [maker, child, grandchild])
      expect((await call("GET", "/api/v1/auth/whoami")).status).toBe(401);
    expect((await sibling.call("GET", "/api/v1/auth/whoami")).status).toBe(200);
    const names = (await server.admin("GET", "/api/v1/tokens")).body.map((one: { name: string }) => one.name);
    expect(names).toEqual(["sibling", "t"]);
  });

  it("counts on the limits of all its makers, also after it is deleted and the server has started again", async () => {
    const { server, provider } = await withProvider(answering);
    const maker = await mint(server, server.admin, "maker", { limits: { tokensPerDay: 300 } });
    const statuses: number[] = [];
    for (let n = 0; n < 8; n++) {
      const child = await mint(server, maker.call, `child-${n}`, { limits: { tokensPerDay: 1_000_000 } });
      const grandchild = await mint(server, child.call, `grandchild-${n}`);
      const { status, body } = await grandchild.call("POST", chat, question);
      statuses.push(status);
      if (status === 429)
        expect(body.error.message).toMatch(/^token "maker" has used 240 of its 300 tokens of today and /);
      await must(maker.call("DELETE", `/api/v1/tokens/child-${n}`));
    }
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429, 429, 429]);
    await expect
      .poll(async () => (await server.admin("GET", "/api/v1/usage")).body[0]?.requests)
      .toBeGreaterThan(3);
    await server.stop();
    const again = await testServer({ folder: server.folder });
    expect((await again.as(maker.bearer)("POST", chat, question)).status).toBe(429);
    expect(provider.seen.filter(({ method }) => method === "POST")).toHaveLength(4);
  });

  it("has at most eight tokens between itself and its user", async () => {
    const server = await testServer();
    let maker = await mint(server, server.admin, "t-0");
    for (let n = 1; n <= 8; n++) maker = await mint(server, maker.call, `t-${n}`);
    const { status, body } = await maker.call("POST", "/api/v1/tokens", { name: "t-9" });
    expect([status, body.error]).toEqual([403, expect.stringContaining("already 8 tokens")]);
  });
});

describe("a token that expires or has limits", () => {
  it.each([
    ["expires", { expiresAt: "2099-01-01T00:00:00Z" }],
    ["has limits", { limits: { requestsPerMinute: 5 } }],
  ])("makes no login that outlives it, if it %s (T113)", async (_what, bounds) => {
    const server = await testServer();
    await server.user("bob");
    const all = { roleBindings: [{ role: "edit", resource: "*" }] };
    const bounded = await mint(server, server.admin, "bounded", { ...bounds, ...all });
    const child = await mint(server, bounded.call, "child", all);
    for (const { call } of [bounded, child]) {
      const password = "a-long-password";
      const refused = [
        await call("POST", "/api/v1/users", { name: "mallory", password }),
        await call("PUT", "/api/v1/users/bob", { password }),
        await call("POST", "/api/v1/auth/passwd", { password }),
      ];
      expect(refused.map(({ status }) => status)).toEqual([403, 403, 403]);
      expect(refused[0]!.body.error).toContain("may not set a password");
    }
    expect((await server.admin("GET", "/api/v1/users/mallory")).status).toBe(404);
    await must(bounded.call("POST", "/api/v1/users", { name: "carol" }));
    const free = await mint(server, server.admin, "free", all);
    await must(free.call("POST", "/api/v1/users", { name: "dave", password: "a-long-password" }));
  });
});

describe("tokens of a user", () => {
  it("have together what the limit of the user allows", async () => {
    const { server, provider } = await withProvider(answering);
    await addLlm(server, { name: "other", url: provider.url });
    const alice = await server.user("alice", [run, edit]);
    await must(server.admin("PUT", "/api/v1/users/alice", { limits: { requestsPerMinute: 5 } }));
    const bearers: TestServer["admin"][] = [];
    for (let n = 0; n < 20; n++)
      bearers.push((await mint(server, bearers[n % 3] ?? alice.call, `t-${n}`)).call);
    const statuses = await Promise.all(
      bearers.map(async (call) => (await call("POST", chat, question)).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
  });
});
