import { expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { nodes } from "./nodes.ts";

it("holds a limit on the MCP calls of a user over two nodes (failure mode 199)", async () => {
  const upstream = scriptedMcp("modern", {
    "tools/list": () => ({ tools: [tool("echo")] }),
    "tools/call": () => ({ resultType: "complete", ...said("done") }),
  });
  const [a, b] = (await nodes(["a", "b"])).nodes as [McpTestServer, McpTestServer];
  await must(a.admin("POST", "/api/v1/servers", { name: "far", url: upstream.url }));
  const project = { name: "g", proxyModel: "none", servers: ["far"] };
  await must(a.admin("POST", "/api/v1/projects", project));
  const { bearer } = await a.user("alice", [{ role: "run", resource: "projects" }]);
  const { body: alice } = await a.admin("GET", "/api/v1/users/alice");
  await must(a.admin("PUT", "/api/v1/users/alice", { ...alice, limits: { mcpCallsPerMinute: 5 } }));
  const listed = async () => (await b.admin("GET", "/api/v1/servers/far")).body?.listedAt;
  await until(listed, (at) => typeof at === "string");
  const limited = async () => (await b.admin("GET", "/api/v1/users/alice")).body?.limits?.mcpCallsPerMinute;
  await until(limited, (limit) => limit === 5);
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const call = async (node: McpTestServer) => {
    const params = { name: "echo", arguments: {}, _meta: meta };
    const { body } = await node.as(bearer)(
      "POST",
      "/projects/g/mcp",
      { jsonrpc: "2.0", id: 1, method: "tools/call", params },
      {
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "echo",
      },
    );
    return body.error?.message ?? "let in";
  };
  for (let i = 0; i < 4; i++) expect(await call(a)).toBe("let in");
  // Within a second the other node has heard of them. By itself it would let five in.
  let letIn = 0;
  await expect
    .poll(
      async () => {
        const answer = await call(b);
        if (answer === "let in") letIn++;
        return answer;
      },
      { interval: 800, timeout: 10_000 },
    )
    .toContain("of its 5 MCP calls");
  expect(letIn).toBeLessThan(5);
});
