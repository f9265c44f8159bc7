import { describe, expect, it } from "vitest";
import { isNeeded, isReady, logIn, loginPath } from "../../../support/mcp/log-in.ts";
import { protectedServer } from "../../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { type Client, must, type TestServer } from "../../../support/server.ts";
import { hello, withPersona } from "../../inference/personas/setup.ts";
import { keeper } from "../../inference/provider-state/keeper.ts";
import { withProvider } from "../../inference/setup.ts";

const all = ["edit", "run"].map((role) => ({ role, resource: "*" }));

/** Another administrator, who may act as others. */
const administrator = (server: TestServer) =>
  server.user("root", [...all, { role: "run", action: "impersonate" }]);

/** A session of the administrator as another user. */
async function acting(server: TestServer, root: Client, user: string): Promise<Client> {
  return server.as((await must(root("POST", "/api/v1/auth/impersonate", { user }))).body.token);
}

async function thread(call: Client): Promise<string> {
  const { body } = await must(call("POST", "/api/v1/agents/reviewer/threads", { title: "secret plan" }));
  await must(call("POST", "/api/v1/agents/reviewer/chat", { thread: body.id, messages: [hello] }));
  return body.id;
}

/** A file and a task of a user. */
async function tasks(server: TestServer, bearer: string) {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new File(["{}"], "private.jsonl"));
  const headers = { authorization: `Bearer ${bearer}` };
  const uploaded = await fetch(`${server.url}/v1/files`, { method: "POST", headers, body: form });
  const file = ((await uploaded.json()) as { id: string }).id;
  const call = server.as(bearer);
  const request = { llm: "gpt", request: { model: "gpt", messages: [hello] } };
  const task = (await must(call("POST", "/api/v1/inference-tasks", request))).body.id as string;
  const wait = `/api/v1/inference-tasks/${task}?wait=60s`;
  expect((await must(call("GET", wait))).body.answer).toBeTruthy();
  return { file, task };
}

/** True if a principal can read a file or an answer that somebody else has made. */
async function canRead(call: Client, { file, task }: { file: string; task: string }): Promise<boolean> {
  const answers = [
    await call("GET", "/v1/files"),
    await call("GET", `/v1/files/${file}/content`),
    await call("GET", `/api/v1/inference-tasks/${task}`),
    await call("GET", `/api/v1/inference-tasks/${task}/stream`),
  ];
  return answers.some(({ text }) => /private\.jsonl|hello there|^\{\}/.test(text));
}

const runAll = [
  { role: "view", resource: "tokens" },
  { role: "run", resource: "llms" },
  { role: "create", resource: "tokens" },
];

describe("an administrator who acts as a user (T266)", () => {
  it("reads, continues, lists and deletes none of the user's threads", async () => {
    const { server, call: bob } = await withPersona();
    const id = await thread(bob);
    const asBob = await acting(server, (await administrator(server)).call, "bob");
    const turn = { thread: id, messages: [hello] };
    for (const answer of [
      await asBob("GET", "/api/v1/threads"),
      await asBob("GET", `/api/v1/threads/${id}`),
      await asBob("DELETE", `/api/v1/threads/${id}`),
      await asBob("POST", "/api/v1/agents/reviewer/threads", {}),
      await asBob("POST", "/api/v1/agents/reviewer/chat", turn),
    ]) {
      expect(answer.status).toBe(403);
      expect(answer.text).not.toMatch(/secret plan|hello there/);
    }
    expect((await must(bob("GET", `/api/v1/threads/${id}`))).body.messages).toHaveLength(2);
  });

  it("reads no files and no answers of tasks", async () => {
    const { server } = await withPersona({}, { tick: 50 });
    const alice = await server.user("alice", runAll);
    const made = await tasks(server, alice.bearer);
    expect(await canRead(alice.call, made)).toBe(true);
    expect(await canRead(await acting(server, (await administrator(server)).call, "alice"), made)).toBe(
      false,
    );
  });

  it("cannot name answers that a provider keeps for the user, nor those that are remembered here", async () => {
    const { script } = keeper();
    const { server } = await withProvider(script, { responses: "stateful" });
    const alice = await server.user("alice", runAll);
    const ask = (call: Client, more: object = {}) =>
      call("POST", "/v1/responses", { model: "gpt", input: "hi", ...more });
    const { id } = (await must(ask(alice.call))).body;
    const asAlice = await acting(server, (await administrator(server)).call, "alice");
    expect((await asAlice("GET", `/v1/responses/${id}`)).status).toBe(404);
    expect((await ask(asAlice, { previous_response_id: id })).status).toBe(404);
    const { id: own } = (await must(ask(asAlice))).body;
    await must(asAlice("GET", `/v1/responses/${own}`));
    expect((await alice.call("GET", `/v1/responses/${own}`)).status).toBe(404);
    await must(ask(alice.call, { previous_response_id: id }));
  });

  it("calls MCP servers with access of its own", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url, sharing: "principal" });
    const { call: alice } = await mcp.user("alice", [
      { role: "run", resource: "projects" },
      { role: "view", resource: "projects" },
    ]);
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, alice);
    await until(
      () => mcp.call("look", {}, { as: alice }),
      ({ text }) => text === "look done",
    );
    const asAlice = await acting(mcp, (await administrator(mcp)).call, "alice");
    const before = far.seen.length;
    const [ofAlice] = [...far.issuer.good.keys()];
    const { error } = await mcp.call("look", {}, { as: asAlice });
    expect(error?.message).toMatch(/mcpctl authorize server far/);
    expect(far.seen.slice(before).some((one) => one.includes(ofAlice!))).toBe(false);
    await asAlice("DELETE", loginPath);
    expect(await mcp.call("look", {}, { as: alice })).toEqual({ text: "look done" });
  });
});

describe("a token that an administrator made for a user, or rotated (T266)", () => {
  it("opens none of the user's threads, and neither does a token that it makes", async () => {
    const { server, call: bob } = await withPersona();
    await must(
      server.admin("POST", "/api/v1/rbac", {
        name: "mint",
        subjects: [{ kind: "User", name: "bob" }],
        roleBindings: [{ role: "create", resource: "tokens" }],
      }),
    );
    const id = await thread(bob);
    const root = await administrator(server);
    const roleBindings = [
      { role: "run", resource: "agents" },
      { role: "create", resource: "tokens" },
    ];
    const made = await must(root.call("POST", "/api/v1/tokens?user=bob", { name: "given", roleBindings }));
    const child = await must(
      server.as(made.body.token)("POST", "/api/v1/tokens", {
        name: "child",
        roleBindings: [roleBindings[0]],
      }),
    );
    const own = await must(bob("POST", "/api/v1/tokens", { name: "own", roleBindings }));
    const read = (bearer: string) => server.as(bearer)("GET", `/api/v1/threads/${id}`);
    expect((await read(own.body.token)).status).toBe(200);
    const rotate = (by: Client) => must(by("POST", `/api/v1/tokens/${own.body.id}/rotate`));
    const rotated = await rotate(root.call);
    for (const { body } of [made, child, rotated]) expect((await read(body.token)).status).toBe(404);
    expect((await read((await rotate(bob)).body.token)).status).toBe(200);
  });

  it("does not read the files and tasks that the token made before", async () => {
    const { server } = await withPersona({}, { tick: 50 });
    const alice = await server.user("alice", runAll);
    const { body } = await must(alice.call("POST", "/api/v1/tokens", { name: "own", roleBindings: runAll }));
    const [ofToken, ofUser] = [await tasks(server, body.token), await tasks(server, alice.bearer)];
    const root = await administrator(server);
    const rotated = await must(root.call("POST", `/api/v1/tokens/${body.id}/rotate`));
    expect(await canRead(server.as(rotated.body.token), ofToken)).toBe(false);
    expect(await canRead(alice.call, ofUser)).toBe(true);
  });
});

describe("a password that somebody else sets (T115)", () => {
  it("opens no file, task or batch of the user", async () => {
    const { server } = await withPersona({}, { tick: 50 });
    const alice = await server.user("alice", runAll);
    const made = await tasks(server, alice.bearer);
    const batch = { input_file_id: made.file, endpoint: "/v1/chat/completions", completion_window: "24h" };
    const { id } = (await must(alice.call("POST", "/v1/batches", batch))).body;
    const password = "a-new-password";
    await must(server.admin("PUT", "/api/v1/users/alice", { password }));
    const { body } = await must(server.as()("POST", "/api/v1/auth/login", { user: "alice", password }));
    const asAlice = server.as(body.token);
    expect(await canRead(asAlice, made)).toBe(false);
    expect((await asAlice("GET", `/v1/batches/${id}`)).status).toBe(404);
    expect((await must(asAlice("GET", "/api/v1/inference-tasks"))).body).toEqual([]);
  });

  it("takes back the access to MCP servers that is for the user's calls alone", async () => {
    const far = protectedServer();
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url, sharing: "principal" });
    const { call: alice } = await mcp.user("alice", [{ role: "run", resource: "projects" }]);
    await until(() => mcp.row("far"), isNeeded);
    await logIn(far, alice);
    // The tools are listed with this access.
    await until(() => mcp.row("far"), isReady);
    const password = "a-new-password";
    await must(mcp.admin("PUT", "/api/v1/users/alice", { password }));
    const { body } = await must(mcp.as()("POST", "/api/v1/auth/login", { user: "alice", password }));
    const { error } = await mcp.call("look", {}, { as: mcp.as(body.token) });
    expect(error?.message).toMatch(/mcpctl authorize server far/);
    await until(
      async () => far.issuer.of("/revoke"),
      (list) => list.length > 0,
    );
  });
});

describe("answers that a provider or this server keeps (T360)", () => {
  const ask = (call: Client, more: object = {}) =>
    call("POST", "/v1/responses", { model: "gpt", input: "hi", ...more });

  /** A user with a token, another token that it has made, and an answer of each. */
  async function kept(llm: object) {
    const { server, provider } = await withProvider(keeper().script, llm);
    const alice = await server.user("alice", runAll);
    const make = async (call: Client, name: string) =>
      (await must(call("POST", "/api/v1/tokens", { name, roleBindings: runAll }))).body;
    const maker = await make(alice.call, "maker");
    const child = await make(server.as(maker.token), "child");
    const callers = [alice.call, server.as(maker.token), server.as(child.token)];
    const answers: string[] = [];
    for (const call of callers) answers.push((await must(ask(call))).body.id);
    const canGoOn = async (call: Client, previous: string) => {
      const before = provider.seen.length;
      const statuses = [
        (await ask(call, { previous_response_id: previous })).status,
        (await call("GET", `/v1/responses/${previous}`)).status,
      ];
      return statuses.includes(200) || provider.seen.length > before;
    };
    const rotate = async (by: Client, id: string) =>
      server.as((await must(by("POST", `/api/v1/tokens/${id}/rotate`))).body.token);
    return { server, maker, child, answers, canGoOn, rotate };
  }

  const dialects = [{ responses: "stateful" }, {}];

  it.each(dialects)("are not there for the password that somebody else has set: %o", async (llm) => {
    const { server, maker, child, answers, canGoOn, rotate } = await kept(llm);
    const password = "a-new-password";
    await must(server.admin("PUT", "/api/v1/users/alice", { password }));
    const { body } = await must(server.as()("POST", "/api/v1/auth/login", { user: "alice", password }));
    const call = server.as(body.token);
    const all = [call, await rotate(call, maker.id), await rotate(call, child.id)];
    for (const [n, one] of all.entries()) expect(await canGoOn(one, answers[n]!)).toBe(false);
    const { id } = (await must(ask(call))).body;
    expect(await canGoOn(call, id)).toBe(true);
  });

  it("stay when users set their own password, or rotate their own token", async () => {
    const { server, maker, answers, canGoOn, rotate } = await kept(dialects[0]!);
    const [old, password] = ["an-old-password", "my-new-password"];
    await must(server.admin("PUT", "/api/v1/users/alice", { password: old }));
    const login = async (secret: string) =>
      (await must(server.as()("POST", "/api/v1/auth/login", { user: "alice", password: secret }))).body.token;
    const call = server.as(await login(old));
    const { id } = (await must(ask(call))).body;
    await must(call("POST", "/api/v1/auth/passwd", { current: old, password }));
    expect(await canGoOn(server.as(await login(password)), id)).toBe(true);
    const token = await rotate(call, maker.id);
    const own = (await must(ask(token))).body.id;
    expect(await canGoOn(await rotate(call, maker.id), own)).toBe(true);
    expect(await canGoOn(token, answers[1]!)).toBe(false);
  });

  it("are not there for the bearer that somebody else got, nor for what it gets of others", async () => {
    const { server, maker, child, answers, canGoOn, rotate } = await kept(dialects[0]!);
    const byOther = await rotate((await administrator(server)).call, maker.id);
    expect(await canGoOn(byOther, answers[1]!)).toBe(false);
    expect(await canGoOn(await rotate(byOther, child.id), answers[2]!)).toBe(false);
  });
});

it("a bearer that an administrator got rotates the tokens that it made, and reads none of their files and tasks (T361)", async () => {
  const { server } = await withPersona({}, { tick: 50 });
  const alice = await server.user("alice", runAll);
  const make = async (call: Client, name: string) =>
    (await must(call("POST", "/api/v1/tokens", { name, roleBindings: runAll }))).body;
  const maker = await make(alice.call, "maker");
  const child = await make(server.as(maker.token), "child");
  const rotate = async (by: Client, id: string) =>
    (await must(by("POST", `/api/v1/tokens/${id}/rotate`))).body.token as string;
  const before = await tasks(server, child.token);
  const given = server.as(await rotate((await administrator(server)).call, maker.id));
  const after = await tasks(server, child.token);
  const bearer = await rotate(given, child.id);
  for (const made of [before, after]) expect(await canRead(server.as(bearer), made)).toBe(false);
});
