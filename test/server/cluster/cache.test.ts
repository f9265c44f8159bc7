import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { argumentsIn, rowsText, textsOf } from "../../support/mcp/long-results.ts";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { nodes } from "./nodes.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

it("parts of a result are read at another node than the one that keeps it, until that one ends (failure mode 186)", async () => {
  const upstream = scriptedMcp("legacy", {
    "tools/list": () => ({ tools: [tool("rows")] }),
    "tools/call": () => said(rowsText),
  });
  const [a, b] = (await nodes(["a", "b"])).nodes as [McpTestServer, McpTestServer];
  await must(a.admin("POST", "/api/v1/servers", { name: "far", url: upstream.url }));
  const long = { name: "long", proxyModel: "content-pipeline", servers: ["far"] };
  await must(a.admin("POST", "/api/v1/projects", long));
  const connect = async (node: McpTestServer, bearer: string) => {
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: { pin: "2026-07-28" } } },
    );
    const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${node.url}/projects/long/mcp`), { requestInit }),
    );
    return client;
  };
  const { bearer } = await a.token("reader", [{ role: "run", resource: "projects" }]);
  const stranger = await a.token("stranger", [{ role: "run", resource: "projects" }]);
  const listed = async () => (await b.admin("GET", "/api/v1/servers/far")).body?.listedAt;
  await until(listed, (at) => typeof at === "string");
  for (const one of [bearer, stranger.bearer])
    await until(
      async () => (await b.as(one)("GET", "/api/v1/auth/whoami")).status,
      (status) => status === 200,
    );
  const [atA, atB, other] = [
    await connect(a, bearer),
    await connect(b, bearer),
    await connect(b, stranger.bearer),
  ];
  const first: Json = await atA.callTool({ name: "rows", arguments: {} });
  const next = argumentsIn(textsOf(first).at(-1)!);
  const second: Json = await atB.callTool({ name: "rows", arguments: next });
  expect(second).toEqual(await atA.callTool({ name: "rows", arguments: next }));
  expect(rowsText.startsWith(textsOf(first)[0]! + textsOf(second)[0]!)).toBe(true);
  expect(((await other.callTool({ name: "rows", arguments: next })) as Json).isError).toBe(true);
  expect((await must(b.admin("GET", "/api/v1/cache"))).body).toMatchObject([{ project: "long", node: "a" }]);
  expect(upstream.of("tools/call")).toHaveLength(1);
  expect((await must(b.admin("DELETE", "/api/v1/cache"))).body).toEqual({ removed: 1 });
  const again: Json = await atB.callTool({ name: "rows", arguments: {} });
  const { _resultId } = argumentsIn(textsOf(again).at(-1)!);
  await b.stop();
  const gone: Json = await atA.callTool({ name: "rows", arguments: { _resultId, _page: 2 } });
  expect([gone.isError, textsOf(gone)[0]]).toEqual([
    true,
    expect.stringContaining("Call rows again without _resultId"),
  ]);
});
