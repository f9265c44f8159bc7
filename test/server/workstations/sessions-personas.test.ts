import { describe, expect, it } from "vitest";
import { type Client, must, testServer } from "../../support/server.ts";
import { hour, minute, provider, startTestSessions, user } from "./test-sessions.ts";

const path = "/api/v1/llms/_provider-register";
const both = [
  { role: "expose" as const, resource: "llms" as const },
  { role: "expose" as const, resource: "agents" as const },
];
const vllm = (name: string, more: object = {}) => ({ name, type: "vllm", model: "qwen", ...more });
const persona = (name: string, llmName: string, more: object = {}) => ({ name, llmName, ...more });
const register = (call: Client, providers: unknown[], agents: unknown[], more: object = {}) =>
  call("POST", path, { protocol: 2, providers, agents, ...more });
const agents = async (call: Client) =>
  (await must(call("GET", "/api/v1/agents"))).body.map(({ name }: { name: string }) => name);

describe("a persona that an agent publishes", () => {
  it("is private and virtual, and belongs to its publisher", async () => {
    const server = await testServer();
    const alice = await server.user("alice", both);
    const { body } = await must(
      register(
        alice.call,
        [vllm("a")],
        [
          persona("reviewer", "a", {
            systemPrompt: "You review code.",
            description: "strict",
            defaultParams: { temperature: 0.2 },
            extras: { colour: "red" },
            mood: "unknown fields are passed over",
          }),
        ],
      ),
    );
    const reviewer = {
      name: "reviewer",
      llm: "a",
      systemPrompt: "You review code.",
      description: "strict",
      defaultParams: { temperature: 0.2 },
      extras: { colour: "red" },
      visibility: "private",
      origin: "virtual",
      owner: "alice",
    };
    expect(body.agents).toMatchObject([reviewer]);
    expect(body.agents[0]).not.toHaveProperty("mood");
    expect((await must(alice.call("GET", "/api/v1/agents/reviewer"))).body).toMatchObject(reviewer);
    // Fields that the next registration would overwrite cannot be changed; visibility can.
    const changed = await server.admin("PUT", "/api/v1/agents/reviewer", { systemPrompt: "x", llm: "a" });
    expect([changed.status, changed.body.details]).toEqual([
      400,
      [{ path: "/systemPrompt", message: "is set by the workstation agent that publishes it" }],
    ]);
    const stranger = await server.user("stranger", [{ role: "edit", resource: "agents" }]);
    expect(await agents(stranger.call)).toEqual([]);
    // An llm to which a persona refers cannot be deleted.
    expect((await alice.call("DELETE", "/api/v1/llms/a")).body.code).toBe("still_referenced");
    expect((await alice.call("DELETE", "/api/v1/agents/reviewer")).status).toBe(204);
    expect((await alice.call("DELETE", "/api/v1/llms/a")).status).toBe(204);
  });

  it("needs expose on agents, and the right to run its llm", async () => {
    const server = await testServer();
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", { ...vllm("open"), url: "http://127.0.0.1:1" }),
    );
    await must(
      server.admin("POST", "/api/v1/llms?probe=false", {
        ...vllm("hidden"),
        url: "http://127.0.0.1:1",
        visibility: "private",
      }),
    );
    const half = await server.user("half", both.slice(0, 1));
    const refused = await register(half.call, [vllm("a")], [persona("p", "a")]);
    expect([refused.status, refused.body.error]).toEqual([403, 'publishing agent "p" needs expose on it']);
    const alice = await server.user("alice", both);
    // Its calls would use the right of its publisher, who has none.
    const free = await register(alice.call, [], [persona("p", "open")]);
    expect([free.status, free.body.error]).toEqual([403, 'you may not run llm "open"']);
    const runner = await server.user("runner", [...both, { role: "run", resource: "llms" }]);
    for (const name of ["hidden", "missing"])
      expect((await register(runner.call, [], [persona("p", name)])).body.details).toEqual([
        { path: "/agents/0/llmName", message: `there is no llm "${name}"` },
      ]);
    expect(await agents(server.admin)).toEqual([]);
    expect((await server.admin("GET", "/api/v1/llms")).body).toHaveLength(2);
    expect((await must(register(runner.call, [], [persona("p", "open")]))).body.agents).toMatchObject([
      { name: "p", llm: "open", owner: "runner" },
    ]);
  });

  it("is checked field by field, as every persona is", async () => {
    const server = await testServer();
    const { body } = await register(
      server.admin,
      [vllm("a")],
      [
        persona("A", "a"),
        { name: "no-llm" },
        persona("p", "a", { systemPrompt: 1, visibility: "hidden" }),
        persona("q", "a", { defaultParams: { temperature: 9, model: "gpt" } }),
        persona("q", "a", { project: "missing" }),
      ],
    );
    expect(body.details.map(({ path }: { path: string }) => path)).toEqual([
      "/agents/0/name",
      "/agents/1/llmName",
      "/agents/2/systemPrompt",
      "/agents/2/visibility",
      "/agents/3/defaultParams/temperature",
      "/agents/3/defaultParams/model",
      "/agents/4/name",
    ]);
    const missing = await register(server.admin, [vllm("a")], [persona("p", "a", { project: "missing" })]);
    expect(missing.body.details).toEqual([
      { path: "/agents/0/project", message: 'there is no project "missing"' },
    ]);
    expect(await agents(server.admin)).toEqual([]);
    expect((await server.admin("GET", "/api/v1/llms")).body).toEqual([]);
  });

  it("is refused together with the llms if its name is taken (failure mode 57)", async () => {
    const server = await testServer();
    const alice = await server.user("alice", both);
    const bob = await server.user("bob", both);
    await must(register(bob.call, [vllm("bobs")], [persona("p", "bobs")]));
    const refused = await register(alice.call, [vllm("bobs"), vllm("a")], [persona("p", "a")]);
    expect(refused.status).toBe(409);
    expect(refused.body.details.map(({ path }: { path: string }) => path)).toEqual([
      "/providers/0/name",
      "/agents/0/name",
    ]);
    expect((await server.admin("GET", "/api/v1/llms")).body).toHaveLength(1);
  });

  it("moves with its agent to another llm, and is deleted before its llm", async () => {
    const server = await testServer();
    const alice = await server.user("alice", both);
    const { body } = await must(
      register(alice.call, [vllm("a"), vllm("b")], [persona("p", "a"), persona("q", "b")]),
    );
    const { providerSessionId } = body;
    await must(server.admin("PUT", "/api/v1/agents/p", { visibility: "public" }));
    const gone = await register(alice.call, [vllm("b")], [persona("p", "a")], { providerSessionId });
    expect(gone.body.details).toEqual([{ path: "/agents/0/llmName", message: 'there is no llm "a"' }]);
    const moved = await must(
      register(alice.call, [vllm("b")], [persona("p", "b", { visibility: "private" })], {
        providerSessionId,
      }),
    );
    expect(moved.body.agents).toMatchObject([{ name: "p", llm: "b", visibility: "public" }]);
    expect(await agents(server.admin)).toEqual(["p"]);
    expect((await server.admin("GET", "/api/v1/llms/a")).status).toBe(404);
    await must(register(alice.call, [], [], { providerSessionId }));
    expect(await agents(server.admin)).toEqual([]);
    expect((await server.admin("GET", "/api/v1/llms")).body).toEqual([]);
  });

  it("is deleted with its session, before its llm", async () => {
    const { attachAgent, advance, sessions, catalogue, errors } = await startTestSessions();
    const alice = user("alice", both);
    const { id, epoch } = await attachAgent(
      { providers: [provider("a")], agents: [{ name: "p", llmName: "a" }] },
      alice,
    );
    await sessions.detached(id, epoch);
    await advance(4 * hour);
    expect(catalogue.snapshot.named("agent", "p")).toBeDefined();
    await advance(minute);
    expect(catalogue.snapshot.named("agent", "p")).toBeUndefined();
    expect(catalogue.snapshot.named("llm", "a")).toBeUndefined();
    expect(errors).toEqual([]);
  });
});
