import { expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { testProject } from "../../support/mcp/project.ts";
import { must, type TestServer } from "../../support/server.ts";
import { goodProvider, reply, upstream } from "../../support/upstream.ts";
import { keeper } from "../inference/provider-state/keeper.ts";
import { events, question, withProvider } from "../inference/setup.ts";

/** A reader of the audit log that has no other right, and the log as it and the administrator see it. */
async function withAuditor(server: TestServer) {
  const { call } = await server.user("auditor", [{ role: "view", resource: "audit" }]);
  const log = async (as: typeof call) => (await must(as("GET", "/api/v1/audit?limit=1000"))).text;
  return { seen: () => log(call), all: () => log(server.admin) };
}

it("the audit log names no private MCP server or persona by what belongs to it, before or after it is deleted (T52, T117)", async () => {
  const mcp = scriptedMcp("modern", {
    "tools/list": () => ({ tools: [tool("echo")] }),
    "tools/call": () => ({ resultType: "complete", ...said("here") }),
  });
  const p = await testProject();
  const { admin } = p;
  const { seen, all } = await withAuditor(p);
  await p.attach("dark-server", mcp.url, { visibility: "private" });
  await p.attach("open-server", mcp.url);
  const provider = upstream(goodProvider);
  const llm = { name: "open-llm", type: "openai", model: "m", url: provider.url };
  await must(admin("POST", "/api/v1/llms?probe=false", llm));
  const persona = { name: "dark-persona", llm: "open-llm", description: "d", visibility: "private" };
  await must(admin("POST", "/api/v1/agents", persona));
  await must(admin("PUT", "/api/v1/projects/p", { agents: ["dark-persona"] }));
  const prompt = { name: "dark-prompt", agent: "dark-persona", content: "text" };
  await must(admin("POST", "/api/v1/prompts", prompt));
  const { bearer } = await p.token("caller", [
    { role: "run", resource: "projects" },
    { role: "run", resource: "agents" },
  ]);
  const call = (name: string, args: object) =>
    must(p.modern("tools/call", { name, arguments: args }, { bearer }));
  const names = (await p.modern("tools/list", {}, { bearer })).body.result.tools.map(
    ({ name }: { name: string }) => name,
  );
  for (const name of names.filter((one: string) => !one.startsWith("ask_"))) await call(name, {});
  await call("ask_dark-persona", { message: "hi" });
  expect(await p.audited()).toHaveLength(3);

  const check = async () => {
    const text = await seen();
    expect(text).not.toContain("dark");
    expect(text).toContain('"server":"open-server"');
    expect(text).toContain('"attached":["open-server"]');
  };
  await check();
  await must(admin("PUT", "/api/v1/projects/p", { agents: [], servers: ["open-server"] }));
  for (const path of ["prompts/dark-prompt", "agents/dark-persona", "servers/dark-server"])
    await must(admin("DELETE", `/api/v1/${path}`));
  await check();
  const admins = await all();
  for (const words of [
    '"server":"dark-server"',
    '"agent":"dark-persona"',
    '"name":"dark-prompt"',
    '"detached":["dark-server"]',
    '"attached":["dark-server"]',
  ])
    expect(admins).toContain(words);
});

it("the audit log names no private MCP server that was deleted by the keys and logins of its users (T117)", async () => {
  const p = await testProject();
  const { seen, all } = await withAuditor(p);
  const headers = [{ name: "x-key", valueFrom: { userKey: "k" } }];
  const server = { name: "dark-server", url: "http://127.0.0.1:9/mcp", sharing: "principal", headers };
  await must(p.admin("POST", "/api/v1/servers", { ...server, visibility: "private" }));
  const path = "/api/v1/servers/dark-server/authorization";
  await must(p.admin("PUT", path, { keys: { k: "value" } }));
  await must(p.admin("DELETE", path));
  await must(p.admin("DELETE", "/api/v1/servers/dark-server"));
  expect(await seen()).not.toContain("dark");
  expect((await all()).match(/"(authorize|deauthorize)"/g)).toEqual(['"deauthorize"', '"authorize"']);
});

it("the metrics do not name an MCP server that becomes private while it is called (T117)", async () => {
  const [called, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const mcp = scriptedMcp("modern", {
    "tools/list": () => ({ tools: [tool("echo")] }),
    "tools/call": async () => {
      called.resolve();
      await answer.promise;
      return { resultType: "complete", ...said("here") };
    },
  });
  const p = await testProject();
  await p.attach("dark-server", mcp.url);
  const call = p.modern("tools/call", { name: "echo", arguments: {} });
  await called.promise;
  await must(p.admin("PUT", "/api/v1/servers/dark-server", { visibility: "private" }));
  answer.resolve();
  await must(call);
  const { text } = await must(p.admin("GET", "/metrics"));
  expect(text).toContain('mcpctl_mcp_calls_total{server="private"');
  expect(text).not.toContain("dark-server");
});

it("the audit log names no private llm that was deleted as a member that failed before another one answered (T117)", async () => {
  const { server, call } = await withProvider(goodProvider, { poolName: "pool" });
  const { seen } = await withAuditor(server);
  const failing = upstream((_, connection) => connection.write(reply(500, {})));
  const dark = { name: "dark", type: "openai", model: "m", url: failing.url };
  const more = { visibility: "private", poolName: "pool" };
  await must(server.admin("POST", "/api/v1/llms?probe=false", { ...dark, ...more }));
  for (let n = 0; n < 20 && failing.seen.length === 0; n++)
    await must(call("POST", "/v1/chat/completions", { ...question, model: "pool" }));
  expect(JSON.stringify((await events(server))[0].detail.attempts)).toContain('"dark"');
  expect(await seen()).not.toContain('"dark"');
  await must(server.admin("DELETE", "/api/v1/llms/dark"));
  expect(await seen()).not.toContain('"dark"');
});

it("the audit log names no private llm that was deleted by the end of its work in the background (T117)", async () => {
  const { script, end } = keeper();
  const { server, call } = await withProvider(script, { responses: "stateful", visibility: "private" });
  const { seen } = await withAuditor(server);
  const asked = { model: "gpt", input: "a question", background: true };
  await must(call("POST", "/v1/responses", asked));
  end("resp_1");
  await must(call("GET", "/v1/responses/resp_1"));
  expect((await events(server))[0].detail).toMatchObject({ settles: "resp_1" });
  await must(server.admin("DELETE", "/api/v1/llms/gpt"));
  expect(await seen()).not.toContain('"gpt"');
});
