import { describe, expect, it } from "vitest";
import { type Client, must, type TestServer, testServer, told } from "../../support/server.ts";

const path = "/api/v1/llms/_provider-register";
const heartbeat = "/api/v1/llms/_provider-heartbeat";
const expose = { role: "expose", resource: "llms" };

const register = (call: Client, providers: unknown, more: object = {}) =>
  call("POST", path, { protocol: 2, providers, ...more });
const vllm = (name: string, more: object = {}) => ({ name, type: "vllm", model: "qwen", ...more });
const names = async (call: Client) =>
  (await must(call("GET", "/api/v1/llms"))).body.map(({ name }: { name: string }) => name);
const actions = async ({ admin }: TestServer) =>
  (await must(admin("GET", "/api/v1/audit"))).body
    .filter(({ detail }: { detail?: { kind: string } }) => detail?.kind === "llm")
    .map(
      ({
        action,
        detail,
        user,
      }: {
        action: string;
        detail: { name: string; fields?: string[] };
        user: string;
      }) => [action, detail.name, user, ...(detail.fields ?? [])].join(" "),
    );

describe("POST /api/v1/llms/_provider-register", () => {
  it("creates llms that are private, belong to their publisher, and are not callable yet", async () => {
    const server = await testServer({ now: () => Date.parse("2026-11-21T10:00:00Z") });
    const alice = await server.user("alice", [expose]);
    const answer = await register(alice.call, [
      vllm("small", { capabilities: { contextLength: 32768 } }),
      vllm("big", {
        type: "openai",
        tier: "heavy",
        description: "für Großes",
        poolName: "pool",
        visibility: "public",
        initialStatus: "hibernating",
      }),
    ]);
    expect(answer.status).toBe(201);
    const { llms, ...rest } = answer.body;
    expect(rest).toEqual({
      providerSessionId: expect.stringMatching(/^pvs_[0-9a-z]{26}$/),
      epoch: 1,
      leaseMs: 90_000,
      heartbeatMs: 30_000,
      transports: ["websocket", "sse"],
      agents: [],
      mcpServers: [],
    });
    const common = {
      id: expect.stringMatching(/^llm_/),
      url: "",
      apiKeyRef: null,
      extraConfig: {},
      origin: "virtual",
      status: "inactive",
      workstation: null,
      lastSeenAt: "2026-11-21T10:00:00.000Z",
      health: null,
      learnedQuirks: {},
      owner: "alice",
      version: 1,
      createdAt: "2026-11-21T10:00:00.000Z",
      updatedAt: "2026-11-21T10:00:00.000Z",
    };
    const small = {
      ...common,
      ...vllm("small"),
      tier: "fast",
      description: "",
      visibility: "private",
      capabilities: { contextTokens: 32768 },
    };
    const big = {
      ...common,
      ...vllm("big"),
      type: "openai",
      tier: "heavy",
      description: "für Großes",
      poolName: "pool",
      visibility: "public",
    };
    expect(llms).toEqual([small, big]);
    expect((await server.admin("GET", "/api/v1/llms")).body).toEqual([big, small]);
    expect(await actions(server)).toEqual(["create big alice", "create small alice"]);
  });

  it("needs expose on llms, or on each llm by its name, and writes nothing without it", async () => {
    const server = await testServer();
    const viewer = await server.user("viewer", [
      { role: "edit", resource: "llms" },
      { role: "run", resource: "llms" },
    ]);
    expect((await register(viewer.call, [vllm("a")])).status).toBe(403);
    expect((await register(viewer.call, "nonsense")).status).toBe(403);
    expect((await register(server.as(), [vllm("a")])).status).toBe(401);
    await must(server.admin("POST", "/api/v1/llms?probe=false", { ...vllm("a"), url: "http://127.0.0.1:1" }));
    const named = await server.user("named", [{ ...expose, name: "a" }]);
    await must(server.admin("DELETE", "/api/v1/llms/a"));
    const refused = await register(named.call, [vllm("a"), vllm("b")]);
    expect([refused.status, refused.body.error]).toEqual([403, 'publishing llm "b" needs expose on it']);
    expect(await names(server.admin)).toEqual([]);
    expect((await register(named.call, [vllm("a")])).status).toBe(201);
    expect(await names(server.admin)).toEqual(["a"]);
  });

  it("returns every fault, and ignores unknown fields (failure mode 70)", async () => {
    const server = await testServer();
    const faults = async (body: object) =>
      Object.fromEntries(
        (await server.admin("POST", path, body)).body.details?.map(
          ({ path, message }: { path: string; message: string }) => [path, message],
        ) ?? [],
      );
    expect(await faults({})).toEqual({ "/providers": "is required" });
    expect(await faults({ providers: {} })).toEqual({ "/providers": "must be an array" });
    expect(
      await faults({
        providerSessionId: 7,
        protocol: "2",
        bootId: "b".repeat(201),
        machineId: {},
        providers: [
          "vllm",
          { name: 3 },
          vllm("a", { tier: "medium", description: 1, poolName: "No Pool", visibility: "hidden" }),
          vllm("b", { initialStatus: "asleep", capabilities: [], model: "m".repeat(201) }),
          vllm("b"),
        ],
        agents: {},
      }),
    ).toEqual({
      "/providerSessionId": "must be a string",
      "/protocol": "must be a number",
      "/bootId": "must have at most 200 characters",
      "/machineId": "must be a string",
      "/providers/0": "must be an object",
      "/providers/1/name": expect.stringContaining("must be a name: lower-case"),
      "/providers/1/type": "is required",
      "/providers/1/model": "is required",
      "/providers/2/tier": 'must be "fast" or "heavy"',
      "/providers/2/description": "must be a string",
      "/providers/2/poolName": expect.stringContaining("must be a name"),
      "/providers/2/visibility": 'must be "public" or "private"',
      "/providers/3/initialStatus": 'must be "active" or "hibernating"',
      "/providers/3/capabilities": "must be an object",
      "/providers/3/model": "must have at most 200 characters",
      "/providers/4/name": "must not name the same thing twice",
      "/agents": "must be an array",
    });
    expect(await faults({ bootId: "a\u0000b", providers: [] })).toEqual({
      "/bootId": "must not have U+0000",
    });
    const many = Array.from({ length: 201 }, (_, index) => vllm(`llm-${index}`));
    expect(await faults({ providers: many })).toEqual({ "/providers": "must have at most 200 elements" });
    expect(await names(server.admin)).toEqual([]);

    const newer = vllm("a", { quantisation: "q4", url: "http://10.0.0.1", apiKeyRef: null, tier: null });
    const body = { protocol: 2, bootId: null, agents: null, colour: "red", providers: [newer] };
    const taken = await must(server.admin("POST", path, body));
    expect(taken.body.llms).toMatchObject([{ name: "a", url: "", apiKeyRef: null, tier: "fast" }]);
    expect(taken.text).not.toContain("10.0.0.1");
    expect(taken.text).not.toContain('"q4"');
  });

  it("refuses names and types that are not valid (failure mode 71)", async () => {
    const server = await testServer();
    const hostile = [
      "../../etc/passwd",
      "a/b",
      "llm_01hxxxxxxxxxxxxxxxxxxxxxxx",
      "_provider-stream",
      "__proto__",
      "A",
      "",
      "a".repeat(101),
      "a\u0000b",
      "<script>",
      "a\nb",
      ["x"],
      { toString: 1, valueOf: 1 },
    ];
    for (const name of hostile) {
      const answer = await register(server.admin, [vllm("x", { name })]);
      expect([name, answer.status]).toEqual([name, 400]);
      expect(answer.body.details[0].path).toBe("/providers/0/name");
    }
    for (const type of ["gemini-cli", "vllm-managed", "toString", "", null, 1, ["vllm"], { toString: 1 }]) {
      const answer = await register(server.admin, [vllm("x", { type })]);
      expect([type, answer.status, answer.body.details[0].path]).toEqual([type, 400, "/providers/0/type"]);
      expect(answer.body.details).toHaveLength(1);
    }
    const keys = ['{"__proto__":{"a":1}}', '{"a":{"constructor":1}}'];
    for (const capabilities of keys) {
      const body = `{"providers":[{"name":"x","type":"vllm","model":"m","capabilities":${capabilities}}]}`;
      expect((await server.admin("POST", path, body)).status).toBe(400);
    }
    const huge = vllm("x", { capabilities: { text: "x".repeat(5000) } });
    expect((await register(server.admin, [huge])).status).toBe(400);
    expect((await register(server.admin, [vllm("x", { model: "a\u0000b" })])).status).toBe(400);
    expect(await names(server.admin)).toEqual([]);
    // Any text may be the name of a model: the server runs no command with it.
    const odd = "Qwen/Qwen2.5-7B; $(reboot) `x` --flag";
    const { body } = await must(register(server.admin, [vllm("x", { model: odd })]));
    expect(body.llms[0].model).toBe(odd);
  });

  it("refuses every name that is taken, and writes nothing (failure mode 57)", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    const bob = await server.user("bob", [expose]);
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", { ...vllm("static"), url: "http://127.0.0.1:1" }),
    );
    const first = await must(register(bob.call, [vllm("bobs"), vllm("other")]));
    await must(register(alice.call, [vllm("hers")]));
    const before = await actions(server);
    const refused = await register(alice.call, [vllm("free"), vllm("bobs"), vllm("static"), vllm("hers")]);
    expect([refused.status, refused.body.code]).toEqual([409, "name_taken"]);
    expect(refused.body.details).toEqual([
      { path: "/providers/1/name", message: 'llm "bobs" exists already, and you do not publish it' },
      { path: "/providers/2/name", message: 'llm "static" exists already, and you do not publish it' },
      { path: "/providers/3/name", message: 'llm "hers" is published by another agent of yours' },
    ]);
    expect(await names(server.admin)).toEqual(["bobs", "hers", "other", "static"]);
    expect(await actions(server)).toEqual(before);
    // The administrator does not own them.
    expect((await register(server.admin, [vllm("bobs")])).status).toBe(409);
    // Names of llms and pools are one namespace.
    expect((await register(alice.call, [vllm("in-pool", { poolName: "bobs" })])).status).toBe(403);
    const { providerSessionId, epoch } = first.body;
    expect((await bob.call("POST", heartbeat, { providerSessionId, epoch })).status).toBe(200);
  });
});

describe("POST /api/v1/llms/_provider-register by the same agent again", () => {
  it("updates the fields that are sent, and keeps visibility and settings", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    const { body } = await must(
      register(alice.call, [vllm("a", { description: "one", poolName: "p", capabilities: { n_ctx: 9 } })]),
    );
    const { providerSessionId } = body;
    const edited = { visibility: "public", price: { input: 1, output: 2 }, tier: "heavy" };
    await must(server.admin("PUT", "/api/v1/llms/a", edited));
    const again = await must(
      register(alice.call, [vllm("a", { model: "llama", type: "ollama", visibility: "private" })], {
        providerSessionId,
      }),
    );
    expect(again.body.providerSessionId).toBe(providerSessionId);
    expect(again.body.llms).toMatchObject([
      {
        ...edited,
        id: body.llms[0].id,
        model: "llama",
        type: "ollama",
        description: "one",
        poolName: "p",
        capabilities: { contextTokens: 9 },
        version: 3,
      },
    ]);
    expect((await actions(server))[0]).toBe("update a alice type model");
    // The same registration again changes nothing.
    const same = await must(
      register(alice.call, [vllm("a", { model: "llama", type: "ollama" })], { providerSessionId }),
    );
    expect(same.body.llms[0].version).toBe(3);
    expect(same.body.epoch).toBe(3);
    const changed = vllm("a", { tier: "fast", description: "", poolName: "q", capabilities: {} });
    expect((await must(register(alice.call, [changed], { providerSessionId }))).body.llms[0]).toMatchObject({
      tier: "fast",
      description: "",
      poolName: "q",
      visibility: "public",
    });
    expect((await server.admin("GET", "/api/v1/llms/a")).body.capabilities).toBeUndefined();
  });

  it("deletes llms that are no longer published, unless another row refers to them", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    const { body } = await must(register(alice.call, [vllm("a"), vllm("b"), vllm("c")]));
    await must(server.admin("POST", "/api/v1/agents", { name: "reviewer", llm: "b" }));
    const { providerSessionId } = body;
    const left = await must(register(alice.call, [vllm("a")], { providerSessionId }));
    expect(left.body.llms.map(({ name }: { name: string }) => name)).toEqual(["a"]);
    expect(await names(server.admin)).toEqual(["a", "b"]);
    expect((await server.admin("GET", "/api/v1/llms/b")).body.status).toBe("inactive");
    expect((await actions(server))[0]).toBe("delete c alice");
    await must(register(alice.call, [], { providerSessionId }));
    expect(await names(server.admin)).toEqual(["b"]);
    await must(server.admin("DELETE", "/api/v1/agents/reviewer"));
    await must(register(alice.call, [], { providerSessionId }));
    expect(await names(server.admin)).toEqual([]);
  });

  it("works with a login or a token of the same user, and not for another user", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose, { role: "create", resource: "tokens" }]);
    const made = await must(alice.call("POST", "/api/v1/tokens", { name: "t", roleBindings: [expose] }));
    const bob = await server.user("bob", [expose]);
    const { providerSessionId } = (await must(register(alice.call, [vllm("a")]))).body;
    const byToken = await must(register(server.as(made.body.token), [vllm("a")], { providerSessionId }));
    expect(byToken.body).toMatchObject({
      providerSessionId,
      epoch: 2,
      llms: [{ name: "a", owner: "alice" }],
    });
    const theirs = await must(register(bob.call, [vllm("b")], { providerSessionId }));
    expect(theirs.body.providerSessionId).not.toBe(providerSessionId);
    expect(await names(server.admin)).toEqual(["a", "b"]);
    for (const unknown of ["pvs_00000000000000000000000000", "", "nonsense"]) {
      const minted = await must(register(bob.call, [], { providerSessionId: unknown }));
      expect(minted.body.providerSessionId).toMatch(/^pvs_[0-9a-z]{26}$/);
      expect(minted.body.providerSessionId).not.toBe(unknown);
    }
  });
});

describe("POST /api/v1/llms/_provider-heartbeat", () => {
  it("returns the epoch to the user of the session", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    const bob = await server.user("bob", [expose]);
    const { body } = await must(register(alice.call, [vllm("a")]));
    const { providerSessionId, epoch } = body;
    const beat = (call: Client, more: object) => call("POST", heartbeat, { providerSessionId, ...more });
    const ok = await beat(alice.call, { epoch, state: { llms: { a: { status: "active" } } } });
    expect([ok.status, ok.body]).toEqual([200, { epoch, leaseMs: 90_000 }]);
    // A heartbeat does not make the llm callable: only a stream does.
    expect((await alice.call("GET", "/api/v1/llms/a")).body.status).toBe("inactive");
    for (const state of [null, "up", 7, [], { llms: [] }, { llms: { a: "up" } }, { news: 1 }])
      expect((await beat(alice.call, { state })).status).toBe(200);
    expect((await beat(alice.call, { epoch: "1" })).status).toBe(400);
    expect((await alice.call("POST", heartbeat, {})).body.details).toEqual([
      { path: "/providerSessionId", message: "is required" },
    ]);
    const theirs = await beat(bob.call, { epoch });
    const none = await bob.call("POST", heartbeat, { providerSessionId: "pvs_none", epoch });
    expect(told(theirs)).toEqual(told(none));
    expect(theirs.status).toBe(404);
    expect((await beat(server.admin, { epoch })).status).toBe(404);
  });

  it("returns 409 for an older epoch (failure mode 45)", async () => {
    const server = await testServer();
    const first = (await must(register(server.admin, [vllm("a")], { bootId: "b1" }))).body;
    const { providerSessionId } = first;
    const second = (await must(register(server.admin, [vllm("a")], { providerSessionId, bootId: "b2" })))
      .body;
    expect(second.epoch).toBe(2);
    const beat = (epoch?: number) => server.admin("POST", heartbeat, { providerSessionId, epoch });
    const fenced = await beat(first.epoch);
    expect([fenced.status, fenced.body.code]).toEqual([409, "fenced"]);
    expect((await beat(second.epoch)).status).toBe(200);
    expect((await beat()).body.epoch).toBe(2);
  });

  it("is still known after a restart of the server", async () => {
    let now = Date.parse("2026-11-21T10:00:00Z");
    const server = await testServer({ now: () => now });
    const { body } = await must(register(server.admin, [vllm("a")]));
    now += 30_000;
    await must(server.admin("POST", heartbeat, { providerSessionId: body.providerSessionId }));
    await server.stop();
    const again = await testServer({ folder: server.folder, now: () => now });
    const { lastSeenAt } = (await again.admin("GET", "/api/v1/llms/a")).body;
    expect(lastSeenAt).toBe("2026-11-21T10:00:30.000Z");
    const next = await must(
      register(again.admin, [vllm("a")], { providerSessionId: body.providerSessionId }),
    );
    expect(next.body).toMatchObject({ providerSessionId: body.providerSessionId, epoch: 2 });
  });
});
