import { describe, expect, it } from "vitest";
import {
  answered,
  postForm,
  queryOf,
  redemption,
  registered,
  renewal,
  requestFor,
} from "../../../support/mcp/oauth-client.ts";
import type { McpTestServer } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";
import { nodes } from "../../cluster/nodes.ts";

const ping = { jsonrpc: "2.0", id: 1, method: "tools/list" };
const publicUrl = "https://mcp.example.com";

describe("an MCP client of two servers of mcpctl on one database", () => {
  it("asks at one, gets and renews its tokens at the other, and is out at both (failure mode 227)", async () => {
    const { nodes: started } = await nodes(["a", "b"], { publicUrls: [publicUrl] });
    const [a, b] = started as [McpTestServer, McpTestServer];
    await must(a.admin("POST", "/api/v1/projects", { name: "p" }));
    const { call } = await a.user("alice", [{ role: "run", resource: "projects" }]);
    const resource = `${publicUrl}/projects/p/mcp`;
    const request = requestFor(a, await registered(b), { resource });
    const shown = await must(call("POST", "/api/v1/oauth/request", { query: queryOf(request) }));
    expect(shown.body.project).toBe("p");
    const back = await answered(call, request);
    expect(back.searchParams.get("iss")).toBe(publicUrl);
    // The other server has not heard of the code yet.
    const code = back.searchParams.get("code")!;
    const first = await must(postForm(b, "/oauth/token", redemption(request, code)));
    const access = {
      ...request,
      code,
      accessToken: first.body.access_token,
      refreshToken: first.body.refresh_token,
    };
    const next = await must(postForm(a, "/oauth/token", renewal(access)));
    const status = async (node: McpTestServer, bearer: string) =>
      (await node.as(bearer)("POST", "/projects/p/mcp", ping)).status;
    for (const node of [a, b]) {
      await expect.poll(() => status(node, next.body.access_token)).not.toBe(401);
      await expect.poll(() => status(node, access.accessToken)).toBe(401);
    }
    // Of two servers that get the same token at a time, one gives tokens, and takes them back when it learns of the other.
    const present = { ...access, refreshToken: next.body.refresh_token };
    const both = await Promise.all([a, b].map((node) => postForm(node, "/oauth/token", renewal(present))));
    expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
    const { access_token: last } = both.find(({ status }) => status === 200)!.body;
    for (const node of [a, b]) await expect.poll(() => status(node, last)).toBe(401);
  });
});
