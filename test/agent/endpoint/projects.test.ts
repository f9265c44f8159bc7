import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { said, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { passes } from "../../support/passes.ts";
import { must } from "../../support/server.ts";
import { goodProvider } from "../../support/upstream.ts";
import { testProviders } from "./local-providers.ts";

/** A server with the project `demo`, an agent's endpoint for it, and a bearer for that project alone. */
async function open() {
  const { server, url } = await testProviders(goodProvider);
  const gone = Promise.withResolvers<void>();
  const upstream = scriptedMcp("modern", {
    "tools/list": () => ({ tools: [tool("echo"), tool("wait")], ttlMs: 0, cacheScope: "private" }),
    "tools/call": ({ params, signal, notify }) => {
      if (params.name === "echo") return { resultType: "complete", ...said(params.arguments.text) };
      notify("notifications/progress", { progressToken: params._meta.progressToken, progress: 1 });
      signal.addEventListener("abort", () => gone.resolve());
      return new Promise(() => undefined);
    },
  });
  await must(server.admin("POST", "/api/v1/servers", { name: "far", url: upstream.url }));
  await must(
    server.admin("POST", "/api/v1/projects", { name: "demo", servers: ["far"], proxyModel: "none" }),
  );
  await passes(async () => expect((await server.admin("GET", "/api/v1/servers/far")).body.toolCount).toBe(2));
  const { bearer } = await server.token("narrow", [{ role: "run", resource: "projects", name: "demo" }]);
  return { server, bearer, gone: gone.promise, door: url.replace("/v1", "/projects/demo/mcp") };
}

describe("the local endpoint for MCP clients", () => {
  it.each([
    ["legacy", "legacy"],
    ["modern", { pin: "2026-07-28" }],
  ] as const)("serves a project with the client's own bearer, as the server does: %s", async (era, mode) => {
    const { server, bearer, gone, door } = await open();
    const client = new Client(
      { name: "test", version: "1" },
      {
        versionNegotiation: { mode },
        listChanged: { tools: { autoRefresh: false, onChanged: () => changed.resolve() } },
      },
    );
    const changed = Promise.withResolvers<void>();
    onTestFinished(() => client.close());
    const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
    const transport = new StreamableHTTPClientTransport(new URL(door), { requestInit });
    await client.connect(transport);
    expect(client.getServerVersion()?.name).toBe("mcpctl");
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "wait"]);
    const { content } = await client.callTool({ name: "echo", arguments: { text: "größe" } });
    expect(content).toEqual([{ type: "text", text: "größe" }]);
    const leaving = new AbortController();
    const begun = Promise.withResolvers<void>();
    const options = { signal: leaving.signal, onprogress: () => begun.resolve(), timeout: 300_000 };
    const call = client.callTool({ name: "wait", arguments: {} }, options);
    call.catch(() => undefined);
    await begun.promise;
    leaving.abort();
    await gone;
    await must(
      server.admin("PUT", "/api/v1/servers/far", {
        ...(await server.admin("GET", "/api/v1/servers/far")).body,
        tools: { deny: ["wait"] },
      }),
    );
    await changed.promise;
    if (era === "modern") return;
    const sessions = async () => (await server.admin("GET", "/api/v1/projects/demo/sessions")).body;
    expect(await sessions()).toHaveLength(1);
    await transport.terminateSession();
    expect(await sessions()).toHaveLength(0);
  });

  it("passes refusals on as they are, and refuses web pages, also where they only read (T72)", async () => {
    const { bearer, door } = await open();
    const at = (url: string, headers: Record<string, string>, method = "GET") =>
      fetch(url, { method, headers: { accept: "text/event-stream", ...headers } });
    const authorization = `Bearer ${bearer}`;
    const unknown = await at(door, { authorization, "mcp-session-id": "none" });
    expect([unknown.status, (await unknown.json()).error]).toEqual([
      404,
      { code: -32001, message: "Session not found" },
    ]);
    const stranger = await at(door, {});
    expect([stranger.status, stranger.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining("resource_metadata="),
    ]);
    expect((await at(door, { authorization, origin: "https://evil.example" })).status).toBe(403);
    expect((await at(door, { authorization, host: "evil.example" })).status).toBe(421);
    for (const path of [
      "/projects/demo",
      "/projects/demo/mcp/x",
      "/projects/a/b/mcp",
      "/projects/demo/sessions",
    ])
      expect([path, (await at(new URL(path, door).href, { authorization })).status]).toEqual([path, 404]);
  });
});
