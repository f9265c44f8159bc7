import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cli } from "../../../support/cli/run-cli.ts";
import { testPrograms } from "../../../support/mcp/runtime.ts";
import { must, testServer } from "../../../support/server.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

type Reply = object | { error: object } | undefined;

interface Received {
  method: string;
  params: Record<string, unknown>;
  headers: Headers;
}

/** An MCP server over HTTP whose results are scripted by method. What it does not know is an unknown method. */
function scripted(results: Record<string, Reply | ((received: Received) => Reply | Response)>) {
  const received: Received[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      if (request.method !== "POST") return new Response(null, { status: 405 });
      const {
        id,
        method,
        params = {},
      } = (await request.json()) as { id?: number; method: string; params?: object };
      const one = { method, params: params as Record<string, unknown>, headers: request.headers };
      received.push(one);
      if (id === undefined) return new Response(null, { status: 202 });
      const entry = results[method];
      const reply = typeof entry === "function" ? entry(one) : entry;
      if (reply instanceof Response) return reply;
      if (reply === undefined)
        return Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "unknown method" } });
      return Response.json({ jsonrpc: "2.0", id, ...("error" in reply ? reply : { result: reply }) });
    },
  });
  onTestFinished(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/mcp`, received };
}

const echo = {
  name: "echo",
  inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
};
const legacy = {
  initialize: {
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "scripted", version: "2" },
  },
  "tools/list": { tools: [echo] },
  "tools/call": { content: [{ type: "text", text: "hello" }] },
};
const args = (url: string, ...more: string[]) => ["test", "mcp", url, ...more];

describe("mcpctl test mcp URL", () => {
  it("greets, lists and calls a server of a legacy revision, and exits with 0", async () => {
    const { url } = scripted(legacy);
    const { code, stdout, stderr } = await cli(
      args(url, "--tool", "echo", "--args", '{"text":"a"}', "--expect-tools", "echo"),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.replace(/\d+ ms/g, "N ms")).toBe(
      `ok    greeting   scripted 2, revision 2025-06-18 (legacy), N ms
ok    lists      1 tool, no prompts, no resources, N ms
ok    tools      echo
ok    tools      all 1 that were expected
ok    call       echo, N ms: hello
`,
    );
  });

  it("speaks the modern revision to a server that knows it, without a session", async () => {
    const { url, received } = scripted({
      "server/discover": {
        supportedVersions: ["2026-07-28"],
        capabilities: { tools: {} },
        _meta: { "io.modelcontextprotocol/serverInfo": { name: "new" } },
      },
      "tools/list": { tools: [] },
    });
    const { code, stdout } = await cli(args(url, "-o", "json"));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      url,
      era: "modern",
      revision: "2026-07-28",
      server: { name: "new" },
      tools: [],
      faults: [],
    });
    expect(received.map(({ method }) => method)).toEqual(["server/discover", "tools/list"]);
    expect(received[1]!.headers.get("mcp-protocol-version")).toBe("2026-07-28");
  });

  it.each([
    ["a tool that is missing", {}, ["--expect-tools", "echo,gone"], "fail  tools      missing: gone"],
    ["a tool that there is not", {}, ["--tool", "gone"], "fail  call       gone: there is no such tool"],
    [
      "arguments that do not match the schema",
      {},
      ["--tool", "echo"],
      "fail  call       echo: the arguments do not match its schema:",
    ],
    [
      "a tool that reports an error",
      { "tools/call": { isError: true, content: [{ type: "text", text: "no disk" }] } },
      ["--tool", "echo", "--args", '{"text":"a"}'],
      "fail  call       echo: the tool reports an error: no disk",
    ],
    [
      "a call that the server refuses",
      { "tools/call": { error: { code: -32603, message: "broken" } } },
      ["--tool", "echo", "--args", '{"text":"a"}'],
      "fail  call       echo: the server refuses the call: broken (-32603)",
    ],
    [
      "a result that breaks the output schema",
      {
        "tools/list": { tools: [{ ...echo, outputSchema: echo.inputSchema }] },
        "tools/call": { content: [], structuredContent: { text: 1 } },
      },
      ["--tool", "echo", "--args", '{"text":"a"}'],
      "fail  call       echo: structuredContent does not match the output schema:",
    ],
    [
      "a result without the structure that the output schema promises",
      { "tools/list": { tools: [{ ...echo, outputSchema: echo.inputSchema }] } },
      ["--tool", "echo", "--args", '{"text":"a"}'],
      "fail  call       echo: the tool has an output schema, but the result has no structuredContent",
    ],
    [
      "a schema that is none",
      { "tools/list": { tools: [{ name: "odd", inputSchema: { type: "thing" } }] } },
      [],
      'fail  schemas    tool "odd": inputSchema is no JSON Schema:',
    ],
    [
      "a tool without a schema, and one that is listed twice",
      { "tools/list": { tools: [echo, echo, { name: "bare" }] } },
      [],
      'fail  schemas    tool "echo": is listed twice\nfail  schemas    tool "bare": inputSchema is not an object',
    ],
    [
      "a list that the server refuses",
      { "tools/list": { error: { code: -32603, message: "no list" } } },
      [],
      "fail  lists      the server refuses to list: no list (-32603)",
    ],
  ])("exits with 2 for %s", async (_, changed, flags, line) => {
    const { url } = scripted({ ...legacy, ...changed });
    const { code, stdout, stderr } = await cli(args(url, ...flags));
    expect(stdout).toContain(line);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
  });

  it.each([
    [{}, "none, nor prompts or resources: there is nothing that a client could use"],
    [{ tools: {} }, "none, nor prompts or resources: there is nothing that a client could use"],
    [{ prompts: {} }, "none: it offers 2 prompts only"],
    [{ tools: {}, resources: {} }, "none: it offers 1 resource only"],
    [{ prompts: {}, resources: {} }, "none: it offers 2 prompts and 1 resource only"],
  ])(
    "says that a server with the capabilities %j has no tools, and what it has",
    async (capabilities, words) => {
      const { url } = scripted({
        ...legacy,
        initialize: { ...legacy.initialize, capabilities },
        "tools/list": { tools: [] },
        "prompts/list": { prompts: [{ name: "a" }, { name: "b" }] },
        "resources/list": { resources: [] },
        "resources/templates/list": { resourceTemplates: [{ uriTemplate: "a://{b}", name: "c" }] },
      });
      const { code, stdout, stderr } = await cli(args(url));
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toContain(`\nok    tools      ${words}\n`);
      const expected = await cli(args(url, "--expect-tools", "a"));
      expect(expected).toMatchObject({
        code: 2,
        stdout: expect.stringContaining("fail  tools      missing: a"),
      });
    },
  );

  it("exits with 1 if there is no connection, no MCP server or no valid token, and says which", async () => {
    const status = (status: number) => () => new Response("no", { status });
    const all = (reply: () => Response) => scripted({ initialize: reply, "server/discover": reply }).url;
    const closed = Bun.serve({ port: 0, fetch: () => new Response() });
    await closed.stop(true);
    for (const [url, words] of [
      [`http://127.0.0.1:${closed.port}/mcp`, "the connection was refused"],
      [all(status(401)), "status 401\nhint: the server wants a token: --token-file FILE"],
      [all(status(403)), "status 403"],
      [all(status(404)), "status 404\nhint: is the path right?"],
      [all(() => new Response("<html>", { headers: { "content-type": "text/html" } })), "error: "],
      [scripted({}).url, "the server refuses to be greeted: unknown method (-32601)"],
    ] as const) {
      const { code, stdout, stderr } = await cli(args(url));
      expect(stderr).toContain(words);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    }
  });

  it("prints JSON and nothing else on stdout with -o json, also if it fails", async () => {
    const { code, stdout } = await cli(args(scripted({}).url, "-o", "json"));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, error: expect.stringContaining("unknown method") });
  });

  it("sends a URL the token of --token-file, and no other one (T186)", async () => {
    const home = temporaryFolder();
    writeFileSync(join(home, "credentials.json"), '{"token":"mcpctl_ses_login"}', { mode: 0o600 });
    writeFileSync(join(home, "key.txt"), "sk-theirs\n", { mode: 0o600 });
    const { url, received } = scripted(legacy);
    const env = { MCPCTL_TOKEN: "mcpctl_pat_mine" };
    expect((await cli(args(url), { home, env })).code).toBe(0);
    expect(received.map(({ headers }) => headers.get("authorization"))).toEqual(received.map(() => null));
    received.length = 0;
    const { code, stdout, stderr } = await cli(args(url, "--token-file", "key.txt", "-o", "json"), {
      home,
      env,
    });
    expect(code).toBe(0);
    expect(new Set(received.map(({ headers }) => headers.get("authorization")))).toEqual(
      new Set(["Bearer sk-theirs"]),
    );
    expect(stdout + stderr).not.toContain("sk-theirs");
  });

  it("ends after --timeout with 1, although the server says nothing", async () => {
    const server = Bun.serve({ port: 0, fetch: () => new Promise<Response>(() => undefined) });
    onTestFinished(() => server.stop(true));
    const { code, stderr } = await cli(args(`http://127.0.0.1:${server.port}/mcp`, "--timeout", "50ms"));
    expect({ code, stderr }).toEqual({ code: 1, stderr: "error: the test took longer than --timeout\n" });
  });

  it.each([
    [[]],
    [["http://h/mcp", "-p", "demo"]],
    [["ftp://h/mcp"]],
    [["http://user:pass@h/mcp"]],
    [["http://h/mcp", "--args", "{}"]],
    [["http://h/mcp", "--tool", "a", "--args", "[]"]],
    [["http://h/mcp", "--tool", "a", "--args", "{"]],
  ])("refuses the command line %j", async (words) => {
    const { code, stdout, stderr } = await cli(["test", "mcp", ...words]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: /);
    expect(stderr).not.toContain("pass@");
  });
});

describe("mcpctl test mcp -p", () => {
  it("tests a project over the Unix socket and with a token, and names what is wrong", async () => {
    const server = await testServer({ programs: testPrograms() });
    const command = [process.execPath, join(import.meta.dirname, "../../../support/mcp-stdio-server.ts")];
    await must(server.admin("POST", "/api/v1/servers", { name: "tools", command, sandbox: "none" }));
    await must(server.admin("POST", "/api/v1/projects", { name: "demo", servers: ["tools"] }));
    const socket = ["--server", `unix://${server.socketPath}`];
    // Its first start is waited for, so that the lines of the guide work one after the other.
    const first = await cli(["test", "mcp", "-p", "demo", "--expect-tools", "echo,pid", ...socket]);
    expect(first.code, first.stdout + first.stderr).toBe(0);
    await must(
      server.admin("POST", "/api/v1/servers", { name: "dead", command: ["/bin/false"], sandbox: "none" }),
    );
    await must(server.admin("PUT", "/api/v1/projects/demo", { servers: ["tools", "dead"] }));
    expect((await cli(["test", "mcp", "-p", "demo", "--expect-tools", "echo", ...socket])).code).toBe(0);
    await must(server.admin("PUT", "/api/v1/projects/demo", { servers: ["tools"] }));
    const { bearer } = await server.token("narrow", [{ role: "run", resource: "projects", name: "demo" }]);
    const run = (...words: string[]) =>
      cli(["test", "mcp", ...words], { server, env: { MCPCTL_TOKEN: bearer } });
    const good = await run("-p", "demo", "--tool", "echo", "--args", '{"text":"hi"}', "-o", "json");
    expect(JSON.parse(good.stdout)).toMatchObject({
      ok: true,
      url: `${server.url}/projects/demo/mcp`,
      revision: "2026-07-28",
      server: { name: "mcpctl" },
      call: { tool: "echo", isError: false, content: [{ type: "text", text: "hi" }] },
    });
    const hint = "to see why a tool is not offered: mcpctl get tools -p demo\n";
    expect(await run("-p", "demo", "--tool", "broken")).toMatchObject({ code: 2, stderr: "" });
    expect(await run("-p", "demo", "--tool", "gone")).toMatchObject({ code: 2, stderr: hint });
    await must(server.admin("PUT", "/api/v1/projects/demo", { servers: ["dead"], proxyModel: "none" }));
    const none = await cli(["test", "mcp", "-p", "demo", ...socket]);
    // The server that does not start may be on its first try.
    expect([none.code, none.stderr.replace("waiting for the first start of: dead\n", "")]).toEqual([0, hint]);
    expect(none.stdout).toContain("ok    tools      none, nor prompts or resources");
    const gone = await run("-p", "other");
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('error: project "other"');
    const { code, stderr } = await cli(["test", "mcp", "-p", "demo"], { server });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'error: project "demo": the server answered with status 401\nhint: log in with: mcpctl login\n',
    });
  });
});
