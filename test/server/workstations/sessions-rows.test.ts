import { describe, expect, it } from "vitest";
import { type Client, must, testServer, told } from "../../support/server.ts";

const path = "/api/v1/llms/_provider-register";
const expose = { role: "expose", resource: "llms" };
const vllm = (name: string, more: object = {}) => ({ name, type: "vllm", model: "qwen", ...more });
const register = (call: Client, providers: unknown, more: object = {}) =>
  must(call("POST", path, { protocol: 2, providers, ...more }));

describe("a private virtual llm", () => {
  it("is hidden from other users in every route (failure mode 62)", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    const other = await server.user("other", [
      { role: "edit", resource: "llms" },
      { role: "run", resource: "llms" },
    ]);
    await register(alice.call, [vllm("secret-model", { poolName: "shared" })]);
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", {
        ...vllm("open"),
        url: "http://127.0.0.1:1",
        poolName: "shared",
      }),
    );
    const there = (name: string) => [
      other.call("GET", `/api/v1/llms/${name}`),
      other.call("HEAD", `/api/v1/llms/${name}`),
      other.call("GET", `/api/v1/llms/${name}/members`),
      other.call("PUT", `/api/v1/llms/${name}`, { description: "mine" }),
      other.call("DELETE", `/api/v1/llms/${name}`),
    ];
    const hidden = await Promise.all(there("secret-model"));
    const missing = await Promise.all(there("missing-model"));
    expect(hidden.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    expect(hidden.map((answer) => JSON.stringify(told(answer)).replaceAll("secret-model", "-"))).toEqual(
      missing.map((answer) => JSON.stringify(told(answer)).replaceAll("missing-model", "-")),
    );
    const seen = [
      (await other.call("GET", "/api/v1/llms")).text,
      (await other.call("GET", "/v1/models")).text,
      (await other.call("GET", "/api/v1/llms/open/members")).text,
    ];
    for (const text of seen) {
      expect(text).toContain("open");
      expect(text).not.toContain("secret-model");
    }
    expect(JSON.parse(seen[2]!)).toMatchObject({ size: 1, activeCount: 1 });

    const members = (await must(server.admin("GET", "/api/v1/llms/open/members"))).body;
    expect(members).toMatchObject({ size: 2, activeCount: 1 });
    const granted = await server.user("granted", [{ role: "view", resource: "llms", name: "secret-model" }]);
    expect((await granted.call("GET", "/api/v1/llms/secret-model")).status).toBe(200);
    expect((await granted.call("HEAD", "/api/v1/llms/secret-model")).status).toBe(200);
  });
});

describe("a virtual llm", () => {
  it("can be read, called and deleted by its publisher, whatever other rights the publisher has", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    await register(alice.call, [vllm("a")]);
    await must(server.admin("DELETE", "/api/v1/rbac/of-alice"));
    expect((await alice.call("GET", "/api/v1/llms")).body).toMatchObject([{ name: "a" }]);
    expect((await alice.call("HEAD", "/api/v1/llms/a")).status).toBe(200);
    expect((await alice.call("PUT", "/api/v1/llms/a", { description: "x" })).status).toBe(403);
    expect((await alice.call("POST", path, { providers: [vllm("b")] })).status).toBe(403);
    expect((await alice.call("DELETE", "/api/v1/llms/a")).status).toBe(204);
    expect((await server.admin("GET", "/api/v1/llms")).body).toEqual([]);
  });

  it("has fields that users may change, and fields that only its agent may change", async () => {
    const server = await testServer();
    const alice = await server.user("alice", [expose]);
    await register(alice.call, [vllm("a")]);
    await must(server.admin("POST", "/api/v1/secrets", { name: "key", data: { k: "v" } }));
    const put = (body: object) => server.admin("PUT", "/api/v1/llms/a", body);
    const owned = { url: "http://127.0.0.1:1", apiKeyRef: { name: "key", key: "k" }, model: "other" };
    for (const [field, value] of Object.entries(owned)) {
      const refused = await put({ [field]: value, tier: "heavy" });
      expect([refused.status, refused.body.details]).toEqual([
        400,
        [{ path: `/${field}`, message: "is set by the workstation agent that publishes it" }],
      ]);
    }
    expect((await put({ type: "openai" })).body.details).toEqual([
      { path: "/type", message: "cannot be changed" },
    ]);
    expect((await put({ extraConfig: { timeouts: { connect: -1 } } })).status).toBe(400);
    for (const [field, value] of Object.entries({ origin: "static", status: "active" }))
      expect((await put({ [field]: value })).body.details).toEqual([
        { path: `/${field}`, message: "is set by the server" },
      ]);
    const before = (await server.admin("GET", "/api/v1/llms/a")).body;
    expect(before).toMatchObject({ tier: "fast", model: "qwen", url: "", apiKeyRef: null, version: 1 });

    const settings = {
      tier: "heavy",
      description: "for tests",
      poolName: "pool",
      visibility: "public",
      price: { input: 1, output: 2 },
    };
    // The user reads, edits and puts the whole object. Its lastSeen has changed meanwhile.
    const whole = { ...before, ...settings, lastSeenAt: "2020-01-01T00:00:00.000Z" };
    expect((await must(put(whole))).body).toMatchObject({
      ...settings,
      origin: "virtual",
      owner: "alice",
      version: 2,
    });
    // It refers to no secret, and needs none.
    expect((await server.admin("DELETE", "/api/v1/secrets/key")).status).toBe(204);
  });

  it("is deleted by the server when its agent stays away", async () => {
    let passed = 0;
    const server = await testServer({
      tick: 10,
      elapsed: () => passed,
      now: () => 1_800_000_000_000 + passed,
    });
    const alice = await server.user("alice", [expose]);
    const { providerSessionId } = (await register(alice.call, [vllm("a")])).body;
    const beat = () => alice.call("POST", "/api/v1/llms/_provider-heartbeat", { providerSessionId });
    const there = async () => (await server.admin("GET", "/api/v1/llms/a")).status;
    expect((await beat()).status).toBe(200);
    passed += 4 * 60 * 60_000;
    // After such a gap the server takes it that its machine slept: the agent has 90 s to come back.
    expect(await there()).toBe(200);
    await expect
      .poll(async () => {
        passed += 20_000;
        return await there();
      })
      .toBe(404);
    expect((await beat()).status).toBe(404);
  });
});
