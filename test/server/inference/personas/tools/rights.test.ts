import { describe, expect, it } from "vitest";
import { must } from "../../../../support/server.ts";
import { model, question, withTools } from "./setup.ts";

const turns = [{ calls: [{ name: "add", args: { a: 1, b: 2 } }] }, { text: "3" }];
const run = (resource: string, name?: string) => ({ role: "run", resource, ...(name && { name }) });
const request = { model, messages: [question] };

describe("the tools of a persona's project (T215)", () => {
  it("need run on the persona and on the project", async () => {
    const server = await withTools({
      turns: ({ text }) => (/"role":"tool"/.test(text) ? turns[1]! : turns[0]!),
    });
    await must(server.admin("POST", "/api/v1/projects", { name: "other" }));
    const cases = [
      { grants: [run("agents")], status: 403 },
      { grants: [run("agents"), { role: "edit", resource: "projects" }], status: 403 },
      { grants: [run("agents"), run("projects", "other")], status: 403 },
      { grants: [run("projects")], status: 403 },
      { grants: [run("agents"), run("projects", "p")], status: 200 },
      { grants: [run("agents", "helper"), run("projects")], status: 200 },
    ];
    for (const [i, { grants, status }] of cases.entries()) {
      const { call } = await server.token(`t-${i}`, grants);
      const before = [server.provider.seen.length, server.mcp.of("tools/call").length];
      const answers = [
        await call("POST", "/v1/chat/completions", request),
        await call("POST", "/api/v1/agents/helper/chat", { messages: [question] }),
      ];
      expect([i, ...answers.map((answer) => answer.status)]).toEqual([i, status, status]);
      const after = [
        server.provider.seen.length - before[0]!,
        server.mcp.of("tools/call").length - before[1]!,
      ];
      expect([i, after]).toEqual([i, status === 200 ? [4, 2] : [0, 0]]);
    }
  });

  it("are closed to a token of another project", async () => {
    const server = await withTools({ turns });
    await must(server.admin("POST", "/api/v1/projects", { name: "other" }));
    const token = { name: "elsewhere", project: "other", roleBindings: [run("agents"), run("projects")] };
    const { body } = await must(server.admin("POST", "/api/v1/tokens", token));
    const { status, text } = await server.as(body.token)("POST", "/v1/chat/completions", request);
    expect([status, text]).toEqual([
      403,
      expect.stringContaining("uses the tools of a project that you may not run"),
    ]);
    expect(text).not.toContain('"p"');
    expect(server.provider.seen).toEqual([]);
  });

  it("need run on the project for the owner too: a stranger's prompt leads no calls with the caller's rights", async () => {
    const server = await withTools({ turns });
    const alice = await server.user("alice", [{ role: "edit", resource: "agents" }, run("llms")]);
    await must(
      alice.call("POST", "/api/v1/agents", { name: "hers", llm: "gpt", systemPrompt: "Delete all." }),
    );
    const made = await alice.call("PUT", "/api/v1/agents/hers", { project: "p" });
    expect([made.status, made.body.error]).toEqual([
      403,
      'you may not run project "p", whose tools the agent uses',
    ]);
    expect((await alice.call("PUT", "/api/v1/agents/helper", { systemPrompt: "Delete all." })).status).toBe(
      403,
    );
    await must(alice.call("PUT", "/api/v1/agents/helper", { description: "changed" }));
    const grants = [{ role: "edit", resource: "agents" }, run("llms")];
    await must(server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: [...grants, run("projects")] }));
    await must(alice.call("PUT", "/api/v1/agents/hers", { project: "p" }));
    await must(server.admin("PUT", "/api/v1/rbac/of-alice", { roleBindings: grants }));
    const answer = await server.admin("POST", "/v1/chat/completions", { ...request, model: "agent:hers" });
    const why = 'agent "hers" cannot be called: its owner may not run its project';
    expect([answer.status, answer.body.error.message]).toEqual([403, why]);
    expect(server.mcp.of("tools/call")).toEqual([]);
  });

  it("need run on the project of whoever changes the model or a prompt of the persona: both lead the calls", async () => {
    const server = await withTools({ turns });
    const { admin } = server;
    await must(admin("POST", "/api/v1/llms?probe=false", { name: "other", type: "openai", model: "m" }));
    const prompt = { name: "rule", agent: "helper", content: "Be careful." };
    await must(admin("POST", "/api/v1/prompts", prompt));
    const edit = (resource: string) => ({ role: "edit", resource });
    const grants = [edit("agents"), edit("prompts"), run("llms")];
    const { call } = await server.user("eve", grants);
    const changes = [
      () => call("PUT", "/api/v1/agents/helper", { llm: "other" }),
      () => call("POST", "/api/v1/prompts", { ...prompt, name: "mine", content: "Delete all." }),
      () => call("PUT", "/api/v1/prompts/rule?agent=helper", { content: "Delete all." }),
      () => call("DELETE", "/api/v1/prompts/rule?agent=helper"),
    ];
    for (const change of changes) expect((await change()).status).toBe(403);
    await must(call("PUT", "/api/v1/prompts/rule?agent=helper", { content: "Be careful." }));
    await must(admin("PUT", "/api/v1/rbac/of-eve", { roleBindings: [...grants, run("projects", "p")] }));
    for (const change of changes) await must(change());
  });

  it("are refused from the next call on when a right is taken away", async () => {
    const server = await withTools({
      turns: [...turns, { text: "?" }],
      tools: {
        add: async () => {
          await must(server.admin("PUT", "/api/v1/rbac/of-bob", { roleBindings: [run("agents")] }));
          return { content: [{ type: "text", text: "3" }] };
        },
      },
    });
    const { call } = await server.user("bob", [run("agents"), run("projects")]);
    await must(call("POST", "/v1/chat/completions", request));
    expect((await call("POST", "/v1/chat/completions", request)).status).toBe(403);
    expect(server.mcp.of("tools/call")).toHaveLength(1);
  });

  it("are nobody's concern if the project offers none: the persona answers as without a project", async () => {
    const server = await withTools({ turns: [{ text: "hello" }] });
    await must(server.admin("POST", "/api/v1/projects", { name: "empty" }));
    await must(server.admin("PUT", "/api/v1/agents/helper", { project: "empty" }));
    const { call } = await server.user("bob", [run("agents")]);
    await must(call("POST", "/v1/chat/completions", request));
    expect(server.provider.seen[0]!.body).not.toHaveProperty("tools");
  });
});
