import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { type McpTestServer, mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { scriptedHttp, scriptedSse } from "../../../support/mcp/scripted-http.ts";
import { must } from "../../../support/server.ts";

const isListed = ({ toolCount }: { toolCount: number }) => toolCount > 0;

async function attached(mcp: McpTestServer, url: string, fields: object = {}): Promise<void> {
  await mcp.attach("far", { url, ...fields });
  await until(() => mcp.row("far"), isListed);
}

describe("an MCP server elsewhere over HTTP", () => {
  it("is asked over one session by all callers", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await attached(mcp, far.url);
    const { call: alice } = await mcp.user("alice", [{ role: "run", resource: "projects" }]);
    expect(await mcp.call("where")).toEqual({ text: "session 1 where" });
    expect(await mcp.call("where", {}, { as: alice })).toEqual({ text: "session 1 where" });
    expect(far.seen.filter((method) => method === "initialize")).toHaveLength(1);
    const [instance] = await until(mcp.instances, ([one]) => one?.status === "idle");
    expect(instance).toMatchObject({ name: "far-1", sandbox: null, pid: null });
  });

  const answers: [string, () => Response][] = [
    ["404", () => new Response("not found", { status: 404 })],
    ["410", () => new Response(null, { status: 410 })],
    ["401 with words", () => new Response("Unauthorized: Session not found", { status: 401 })],
    ["400 with words", () => new Response("Bad Request: No valid session ID provided", { status: 400 })],
    [
      "an error of JSON-RPC in a 200",
      () => Response.json({ jsonrpc: "2.0", id: 9, error: { code: -32_001, message: "Session not found" } }),
    ],
    [
      "a 400 with an error of JSON-RPC",
      () =>
        Response.json(
          {
            jsonrpc: "2.0",
            id: null,
            error: { code: -32_000, message: "Bad Request: Server not initialized" },
          },
          { status: 400 },
        ),
    ],
  ];
  it.each(answers)(
    "makes a session again that is lost, without the caller noticing: %s",
    async (_, answer) => {
      const far = scriptedHttp();
      const mcp = await mcpTestServer();
      await attached(mcp, far.url);
      far.unknownSession = answer;
      far.forget();
      expect(await mcp.call("where")).toEqual({ text: "session 2 where" });
      expect(far.seen.filter((method) => method === "initialize")).toHaveLength(2);
      expect((await until(mcp.instances, ([one]) => one?.status === "idle"))[0].error).toBeNull();
    },
  );

  it("is called again in one new session by all calls that find theirs lost at a time (failure mode 289)", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await attached(mcp, far.url);
    far.forget();
    const results = await Promise.all(Array.from({ length: 12 }, () => mcp.call("where")));
    expect(new Set(results.map(({ text }) => text))).toEqual(new Set(["session 2 where"]));
    expect(far.seen.filter((method) => method === "initialize")).toHaveLength(2);
  });

  it("answers what it was asked before, while another call finds the session lost (failure mode 289)", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await attached(mcp, far.url);
    const { promise, resolve } = Promise.withResolvers<void>();
    far.held = promise;
    const early = mcp.call("where", { waits: true });
    await until(
      async () => far.seen,
      (seen) => seen.includes("tools/call 1"),
    );
    far.forget();
    expect(await mcp.call("where")).toEqual({ text: "session 2 where" });
    resolve();
    expect(await early).toEqual({ text: "session 1 where" });
  });

  it("has the own error of a tool, in the words of a lost session, passed on after one more try (failure mode 290)", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await attached(mcp, far.url);
    const refusal = "Session not found: terminal 7";
    expect(await mcp.call("where", { refusal })).toEqual({ error: { code: -32_000, message: refusal } });
    expect(far.seen.filter((method) => method.startsWith("tools/call"))).toHaveLength(2);
    expect(await mcp.call("where")).toEqual({ text: "session 2 where" });
  });

  it("is tried again and again when it was off at the start, and listed when it comes", async () => {
    const far = scriptedHttp();
    const { port, url } = far;
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    await far.stop();
    await mcp.attach("far", { url });
    await until(
      () => mcp.row("far"),
      ({ status }) => status === "backoff",
    );
    expect(await mcp.tools()).toEqual([]);
    const back = scriptedHttp({ port });
    let row: { status?: string } = {};
    for (let i = 0; i < 200 && row.status !== "ready"; i++) {
      await clock.advance(1000);
      await Bun.sleep(10);
      row = await mcp.row("far");
    }
    expect(row).toMatchObject({ toolCount: 1, status: "ready", conditions: [] });
    expect(back.seen[0]).toBe("server/discover");
  });

  it("is not called any more after five failures, until a try in the background succeeds", async () => {
    const far = scriptedHttp();
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    await attached(mcp, far.url);
    let asked = 0;
    far.answer = () => {
      asked++;
      return new Response("down", { status: 503 });
    };
    for (let i = 0; i < 12; i++) expect((await mcp.call("where")).error?.message).toMatch(/far/);
    const before = asked;
    const { error } = await mcp.call("where");
    expect(error?.message).toMatch(/^MCP server far is not available: the server answered with status 503/);
    expect(asked).toBe(before);
    far.answer = undefined;
    await clock.until(() => far.seen.filter((method) => method === "initialize").length === 2, 1000);
    await until(
      () => mcp.row("far"),
      ({ status }) => status === "ready",
    );
    expect((await mcp.call("where")).text).toMatch(/^session 2/);
  });

  it.each([
    [429, { "retry-after": "7" }, "busy", { code: "too_many_requests", retryAfter: 7 }],
    [
      503,
      {},
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"busy","data":{"retryAfterMs":9000}}}',
      { code: "unavailable", retryAfter: 9 },
    ],
    [503, { "retry-after": "soon" }, "busy", { code: "unavailable" }],
  ])(
    "that answers %i with %j says how long to wait (failure mode 242)",
    async (status, headers, body, data) => {
      const far = scriptedHttp();
      const mcp = await mcpTestServer();
      await attached(mcp, far.url);
      far.answer = () => new Response(body, { status, headers: headers as Record<string, string> });
      const meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
      };
      const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "where", _meta: meta } };
      const answer = await mcp.admin("POST", "/projects/p/mcp", call, {
        accept: "application/json",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "where",
      });
      expect(answer.body.error.data).toEqual(data);
      expect(answer.headers.get("retry-after")).toBe("retryAfter" in data ? String(data.retryAfter) : null);
      // It goes on as soon as the server does.
      far.answer = undefined;
      expect((await mcp.call("where")).text).toMatch(/^session/);
    },
  );

  it("that refuses one request keeps its tools; one that goes on refusing has failed (failure mode 241)", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await attached(mcp, far.url);
    const seen: string[][] = [];
    let refusals = 0;
    far.answer = () => {
      if (++refusals === 2) far.answer = undefined;
      return new Response("no", { status: 401 });
    };
    expect((await mcp.call("where")).error?.message).toMatch(/not authorized|authorize/);
    for (let i = 0; i < 20; i++) seen.push(await mcp.tools());
    expect(new Set(seen.map((one) => one.join()))).toEqual(new Set(["where"]));
    expect((await mcp.call("where")).text).toMatch(/^session/);
    far.answer = () => new Response("no", { status: 401 });
    await mcp.call("where");
    const row = await until(
      () => mcp.row("far"),
      ({ status }) => status === "failed",
    );
    expect([row.conditions[0].type, await mcp.tools()]).toEqual(["NeedsAuthorization", []]);
  });

  it("says that its credentials are refused, and takes new ones at once", async () => {
    const far = scriptedHttp();
    const mcp = await mcpTestServer();
    await must(mcp.admin("POST", "/api/v1/secrets", { name: "far-key", data: { token: "Bearer one" } }));
    far.answer = () => new Response("no", { status: 401 });
    const headers = [{ name: "Authorization", valueFrom: { secretRef: { name: "far-key", key: "token" } } }];
    await mcp.attach("far", { url: far.url, headers });
    const row = await until(
      () => mcp.row("far"),
      ({ status }) => status === "failed",
    );
    expect(row.conditions).toEqual([
      { type: "Unauthorized", message: expect.stringContaining("status 401") },
    ]);
    // The server lets the new key in only; a try with the old one may be under way.
    far.admits = "Bearer two";
    far.answer = undefined;
    await must(mcp.admin("PUT", "/api/v1/secrets/far-key", { data: { token: "Bearer two" } }));
    await until(() => mcp.row("far"), isListed);
    expect(far.keys.at(-1)).toBe("Bearer two");
  });
});

describe("an MCP server over HTTP with events", () => {
  it.each([{ transport: "sse" }, {}])("is served with %j", async (fields) => {
    const far = scriptedSse();
    const mcp = await mcpTestServer();
    await attached(mcp, far.url, fields);
    expect(await mcp.call("old", { a: 1 })).toEqual({ text: '{"a":1}' });
    expect(await mcp.row("far")).toMatchObject({ protocol: "2024-11-05" });
    far.drop();
    await until(mcp.instances, ([one]) => one?.restarts === 1 && one?.status === "idle");
    expect(await mcp.call("old", { a: 2 })).toEqual({ text: '{"a":2}' });
  });

  it.each([404, 410])(
    "is called again on a new stream when it has forgotten the session: %i",
    async (status) => {
      const far = scriptedSse();
      const mcp = await mcpTestServer();
      await attached(mcp, far.url, { transport: "sse" });
      far.forget(status);
      expect(await mcp.call("old", { a: 1 })).toEqual({ text: '{"a":1}' });
      expect(far.posts.filter((method) => method === "initialize")).toHaveLength(2);
    },
  );

  it("is refused when it names an address for messages on another host, which would get the key (T152)", async () => {
    const other = scriptedHttp();
    const far = scriptedSse({ endpoint: other.url });
    const mcp = await mcpTestServer();
    await mcp.attach("far", { url: far.url, transport: "sse", headers: [{ name: "X-Key", value: "k" }] });
    const row = await until(
      () => mcp.row("far"),
      ({ status }) => status === "backoff",
    );
    expect(row.conditions[0].message).toContain("not on its own host");
    expect(other.seen).toEqual([]);
  });
});
