import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { messagesOf, testProject } from "../../../support/mcp/project.ts";

const region = {
  type: "object",
  properties: {
    region: { type: "string", "x-mcp-header": "Region" },
    count: { type: "integer", "x-mcp-header": "Count" },
  },
};

function tools() {
  const gone = Promise.withResolvers<void>();
  const upstream = scriptedMcp("modern", {
    "tools/list": () => ({
      tools: [
        tool("echo"),
        tool("müde"),
        { name: "regional", inputSchema: region },
        tool("wait"),
        tool("log"),
      ],
      ttlMs: 0,
      cacheScope: "public",
    }),
    "resources/list": () => ({ resources: [{ uri: "test://a", name: "a" }], ttlMs: 0, cacheScope: "public" }),
    "resources/read": ({ params }) => ({
      resultType: "complete",
      contents: [{ uri: params.uri, text: "a" }],
      ttlMs: 5000,
      cacheScope: "public",
    }),
    "tools/call": async ({ params, signal, notify }) => {
      if (params.name === "log") notify("notifications/message", { level: "info", data: "x" });
      if (params.name === "wait") {
        notify("notifications/progress", { progressToken: params._meta.progressToken, progress: 1 });
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        gone.resolve();
      }
      return { resultType: "complete", ...said(JSON.stringify(params.arguments)) };
    },
  });
  return { ...upstream, gone: gone.promise };
}

async function project(spec: object = {}) {
  const upstream = tools();
  const p = await testProject({}, spec);
  await p.attach("s", upstream.url);
  return { ...p, upstream };
}

describe("a request of the modern era", () => {
  it("has headers that agree with its body, decoded (T165)", async () => {
    const p = await project();
    const refused = async (headers: Record<string, string>, params: object = { name: "echo" }) => {
      const { status, body } = await p.modern("tools/call", params, { headers });
      return [status, body.error?.code];
    };
    expect(await refused({ "mcp-name": "other" })).toEqual([400, -32020]);
    expect(await refused({ "mcp-method": "tools/list" })).toEqual([400, -32020]);
    expect(await refused({ "mcp-name": "=?base64?!!?=" })).toEqual([400, -32020]);
    expect(await refused({ "mcp-protocol-version": "2025-11-25" })).toEqual([400, -32020]);
    expect(p.upstream.of("tools/call")).toEqual([]);
    const name = [...(await p.modern("tools/list")).body.result.tools].find((one) =>
      one.name.startsWith("m"),
    ).name;
    const encoded = `=?base64?${Buffer.from(name).toString("base64")}?=`;
    expect(await refused({ "mcp-name": encoded }, { name })).toEqual([200, undefined]);
    expect(p.upstream.of("tools/call")[0]!.params.name).toBe("müde");
    expect(p.upstream.of("tools/call")[0]!.headers.get("mcp-name")).toBe(
      `=?base64?${Buffer.from("müde").toString("base64")}?=`,
    );
  });

  it("repeats those arguments in headers that the tool marks, here and at the server (T165)", async () => {
    const p = await project();
    const call = (args: object, headers: Record<string, string>) =>
      p.modern("tools/call", { name: "regional", arguments: args }, { headers });
    for (const headers of [
      {},
      { "mcp-param-region": "us", "mcp-param-count": "2" },
      { "mcp-param-region": "eu", "mcp-param-count": "3" },
    ]) {
      const { status, body } = await call({ region: "eu", count: 2 }, headers as Record<string, string>);
      expect([status, body.error.code]).toEqual([400, -32020]);
    }
    const good = await call(
      { region: "eu", count: 2 },
      { "mcp-param-region": "eu", "mcp-param-count": "2.0" },
    );
    expect(good.body.result.content[0].text).toBe('{"region":"eu","count":2}');
    expect((await call({}, {})).status).toBe(200);
    const [sent, without] = p.upstream.of("tools/call");
    expect(sent!.headers.get("mcp-param-region")).toBe("eu");
    expect(sent!.headers.get("mcp-param-count")).toBe("2");
    expect(without!.headers.has("mcp-param-region")).toBe(false);
  });

  it("gets an error with the revisions that are known, for one that is not", async () => {
    const p = await project();
    const { status, body } = await p.modern(
      "tools/list",
      { _meta: { "io.modelcontextprotocol/protocolVersion": "2099-01-01" } },
      { headers: { "mcp-protocol-version": "2099-01-01" } },
    );
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: -32022, data: { requested: "2099-01-01" } });
    expect(body.error.data.supported).toContain("2026-07-28");
  });

  it("needs the whole envelope, no session and no stream", async () => {
    const p = await project();
    const meta = { "io.modelcontextprotocol/clientCapabilities": undefined };
    expect((await p.modern("tools/list", { _meta: meta })).status).toBe(400);
    const headers = { "mcp-protocol-version": "2026-07-28", accept: "text/event-stream" };
    expect((await p.as(p.bearer)("GET", "/projects/p/mcp", undefined, headers)).status).toBe(405);
    expect((await p.as(p.bearer)("DELETE", "/projects/p/mcp", undefined, headers)).status).toBe(405);
    expect(
      (
        await p.post([{ jsonrpc: "2.0", id: 1, method: "ping" }], {
          headers: { "mcp-protocol-version": "2026-07-28" },
        })
      ).status,
    ).toBe(400);
  });

  it("is cancelled at the server when the client leaves", async () => {
    const p = await project();
    const client = await p.client("modern");
    const leaving = new AbortController();
    const progress = () => leaving.abort();
    await expect(
      client.callTool({ name: "wait", arguments: {} }, { signal: leaving.signal, onprogress: progress }),
    ).rejects.toThrow();
    await p.upstream.gone;
    expect((await until(p.audited, (list) => list.length > 0))[0]).toMatchObject({ status: 499 });
  });

  it("gets log messages only if it asks for them", async () => {
    const p = await project();
    const logs = async (level?: string) => {
      const meta = level === undefined ? {} : { "io.modelcontextprotocol/logLevel": level };
      const answer = await p.modern("tools/call", { name: "log", _meta: meta });
      return messagesOf(answer).filter(({ method }) => method === "notifications/message").length;
    };
    expect([await logs(), await logs("debug"), await logs("error")]).toEqual([0, 1, 0]);
  });
});

describe("results of the modern era", () => {
  it("may be kept by the caller only, whatever the server says", async () => {
    const p = await project();
    const list = (await p.modern("tools/list")).body.result;
    expect(list).toMatchObject({ resultType: "complete", ttlMs: 60_000, cacheScope: "private" });
    expect(list._meta["io.modelcontextprotocol/serverInfo"].name).toBe("mcpctl");
    const read = (await p.modern("resources/read", { uri: "test://a" })).body.result;
    expect(read).toMatchObject({ ttlMs: 5000, cacheScope: "private", contents: [{ uri: "test://a" }] });
    const found = (await p.modern("server/discover")).body.result;
    expect(found).toMatchObject({ cacheScope: "private", capabilities: { tools: { listChanged: true } } });
  });

  it("have none of the modern fields for a legacy client", async () => {
    const p = await project();
    const headers = await p.session();
    const call = (method: string, params: object) =>
      p.post({ jsonrpc: "2.0", id: 1, method, params }, { headers });
    expect((await call("resources/read", { uri: "test://a" })).body.result).toEqual({
      contents: [{ uri: "test://a", text: "a" }],
    });
    expect(Object.keys((await call("tools/list", {})).body.result)).toEqual(["tools"]);
    expect((await call("tools/list", { cursor: "x" })).body.error.code).toBe(-32602);
    expect((await call("tools/list", { cursor: "" })).status).toBe(200);
  });

  it("say why a tool is not offered, and each such call is in the audit log (T326)", async () => {
    const p = await project();
    const row = (await p.admin("GET", "/api/v1/servers/s")).body;
    await p.admin("PUT", "/api/v1/servers/s", { ...row, tools: { deny: ["echo"] } });
    const denied = await p.modern("tools/call", { name: "echo" });
    expect(denied.body.error).toMatchObject({
      code: -32602,
      message: expect.stringContaining("is not allowed"),
    });
    const unknown = await p.modern("tools/call", { name: "nothing" });
    expect(unknown.body.error.message).toBe('there is no tool "nothing"');
    await p.modern("prompts/get", { name: "nothing" });
    await p.modern("resources/read", { uri: "test://nothing" });
    const events = (await p.audited()).map(({ status, detail: { server, tool, prompt, uri } }) => [
      status,
      server,
      tool ?? prompt ?? uri,
    ]);
    expect(events).toEqual([
      [400, undefined, "test://nothing"],
      [400, undefined, "nothing"],
      [400, undefined, "nothing"],
      [400, "s", "echo"],
    ]);
  });
});

async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (const end = performance.now() + 60_000; ; await Bun.sleep(20)) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > end) throw new Error("it never held");
  }
}
