import { expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { nodes } from "./nodes.ts";

it("each node remembers for itself for whom it has opened a gate: one briefing from each, and no loop (failure mode 182)", async () => {
  const upstream = scriptedMcp("legacy", {
    "tools/list": () => ({ tools: [tool("echo")] }),
    "tools/call": () => said("done"),
  });
  const [a, b] = (await nodes(["a", "b"])).nodes as [McpTestServer, McpTestServer];
  await must(a.admin("POST", "/api/v1/servers", { name: "far", url: upstream.url }));
  await must(a.admin("POST", "/api/v1/projects", { name: "g", proxyModel: "gate", servers: ["far"] }));
  await must(
    a.admin("POST", "/api/v1/prompts", { name: "style", project: "g", content: "Rule.", priority: 10 }),
  );
  const { bearer } = await a.token("model", [{ role: "run", resource: "projects" }]);
  await until(
    async () => (await b.admin("GET", "/api/v1/servers/far")).body?.listedAt,
    (at) => typeof at === "string",
  );
  await until(
    async () => (await b.as(bearer)("GET", "/api/v1/auth/whoami")).status,
    (status) => status === 200,
  );
  const accept = "application/json, text/event-stream";
  const call = async (node: McpTestServer, method: string, params: object, headers: Record<string, string>) =>
    node.as(bearer)(
      "POST",
      "/projects/g/mcp",
      { jsonrpc: "2.0", id: 1, method, params },
      { accept, ...headers },
    );
  const texts: number[] = [];
  // A balancer that knows no sessions: each node says that it does not know the other's, and the client begins anew.
  for (const node of [a, b, a, b, a]) {
    const hello = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "codex-mcp-client", version: "1" },
    };
    const { headers } = await must(call(node, "initialize", hello, {}));
    const session = { "mcp-session-id": headers.get("mcp-session-id")! };
    const { text } = await call(node, "tools/call", { name: "echo", arguments: {} }, session);
    texts.push(text.split("Rule.").length - 1);
  }
  expect(texts).toEqual([1, 1, 0, 0, 0]);
});
