import { describe, expect, it } from "vitest";
import { mcpAgent, mcpConfig } from "../../support/agent/mcp-agent.ts";
import { type ScriptedCall, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { connectedClient, nodes } from "./nodes.ts";

const uri = "test://a";
const grants = [
  { role: "expose", resource: "llms" },
  { role: "expose", resource: "servers" },
  { role: "run", resource: "projects" },
  { role: "edit", resource: "projects" },
];

/** Two nodes, and the agent of alice at the first one, with the MCP server `desk` in the project `p`. */
async function desk(script: Parameters<typeof scriptedMcp>[1] = {}) {
  const [a, b] = (await nodes(["a", "b"])).nodes as [McpTestServer, McpTestServer];
  const names = ["it"];
  const mcp = scriptedMcp("legacy", {
    "tools/list": () => ({ tools: names.map((one) => tool(one)) }),
    ...script,
  });
  await must(a.admin("POST", "/api/v1/projects", { name: "p", proxyModel: "none" }));
  const { bearer } = await a.user("alice", grants);
  const servers = [mcpConfig("desk", { source: { url: mcp.url, headers: {} } })];
  const agent = mcpAgent({ url: a.url, bearer, servers });
  const statusAt = (node: McpTestServer) => async () =>
    (await node.admin("GET", "/api/v1/servers/desk")).body?.status;
  await until(statusAt(a), (status) => status === "ready");
  await must(
    a.admin("PUT", "/api/v1/projects/p", {
      ...(await a.admin("GET", "/api/v1/projects/p")).body,
      servers: ["desk"],
    }),
  );
  await until(statusAt(b), (status) => status === "ready");
  const listed = (node: McpTestServer, wanted: string[]) =>
    until(
      () => node.tools().catch(() => [] as string[]),
      (found) => Bun.deepEquals(found, wanted),
    );
  await listed(b, names);
  return { a, b, mcp, bearer, agent, servers, names, listed, statusAt };
}

describe("an MCP server of a workstation whose agent is connected to another node (failure mode 239)", () => {
  it("is called there, with progress, questions to the client and cancellation", async () => {
    const waiting: ScriptedCall[] = [];
    const { b, bearer, mcp } = await desk({
      "tools/call": async (call) => {
        const { step } = call.params.arguments;
        if (step === "wait") {
          waiting.push(call);
          return new Promise(() => {});
        }
        if (step === "fail") throw { code: -32_007, message: "no such file" };
        call.notify("notifications/progress", {
          progressToken: call.params._meta.progressToken,
          progress: 1,
        });
        const { roots } = await call.ask("roots/list", {});
        return { content: [{ type: "text", text: JSON.stringify(roots) }] };
      },
    });
    const one = await connectedClient(b, bearer, { roots: {} });
    const steps: number[] = [];
    const result = await one.callTool(
      { name: "it", arguments: { step: "ask" } },
      { onprogress: ({ progress }) => void steps.push(progress) },
    );
    expect([JSON.stringify(result.content), steps]).toEqual([expect.stringContaining("file:///here"), [1]]);
    // A client that offers no roots is not asked, and the error of a tool comes back as it is.
    const mute = await connectedClient(b, bearer);
    await expect(mute.callTool({ name: "it", arguments: { step: "ask" } })).rejects.toThrow();
    await expect(mute.callTool({ name: "it", arguments: { step: "fail" } })).rejects.toMatchObject({
      code: -32_007,
    });
    const leaving = new AbortController();
    const left = one.callTool({ name: "it", arguments: { step: "wait" } }, { signal: leaving.signal });
    left.catch(() => {});
    await until(
      async () => waiting.length,
      (count) => count === 1,
    );
    leaving.abort();
    await until(
      async () => waiting[0]!.signal.aborted,
      (isAborted) => isAborted,
    );
    await expect(left).rejects.toThrow();
    expect(mcp.of("tools/call")).toHaveLength(4);
  });

  it("tells changes of its tools and resources at both nodes, and is called where its agent is by now", async () => {
    const { a, b, bearer, names, mcp, listed, agent, servers, statusAt } = await desk({
      "tools/call": () => ({ content: [{ type: "text", text: "done" }] }),
      "resources/list": () => ({ resources: [{ uri, name: "a" }] }),
      "resources/subscribe": () => ({}),
    });
    expect(await b.call("it")).toEqual({ text: "done" });
    const one = await connectedClient(b, bearer);
    const told: string[] = [];
    one.setNotificationHandler("notifications/resources/updated", ({ params }) => void told.push(params.uri));
    await one.subscribeResource({ uri });
    await until(
      async () => mcp.hasStream(),
      (has) => has,
    );
    mcp.broadcast("notifications/resources/updated", { uri });
    await until(
      async () => told,
      (some) => some.length === 1,
    );
    names.push("second");
    mcp.broadcast("notifications/tools/list_changed");
    await listed(b, ["it", "second"]);
    // The same workstation comes back to the other node.
    await agent.stop();
    await until(statusAt(b), (status) => status === "offline");
    expect((await b.call("it")).error?.message).toMatch(/not connected|not offered|no tool/);
    mcpAgent({ url: b.url, bearer, servers, home: agent.home });
    await until(statusAt(a), (status) => status === "ready");
    await listed(a, ["it", "second"]);
    // What is followed is followed there.
    await until(
      async () => mcp.of("resources/subscribe").length,
      (count) => count > 1,
    );
    expect(await b.call("it")).toEqual({ text: "done" });
    expect(await a.call("second")).toEqual({ text: "done" });
  });
});
