import { describe, expect, it } from "vitest";
import { scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";

const prefix = '{"type":"object"';

/** A server with tools, prompts, resources and results of which strict clients accept none. */
function oddServer() {
  const results: Record<string, unknown> = {
    nothing: {},
    nulls: { content: null, structuredContent: null, isError: null, _meta: null },
    untyped: { content: [{ text: "x" }, { type: "text", text: 5 }] },
  };
  return scriptedMcp("legacy", {
    "tools/list": () => ({
      tools: [
        ...Object.keys(results).map((name) => tool(name)),
        { name: "int", inputSchema: { type: "object", properties: { a: { type: "int" }, b: true } } },
        { name: "no_schema", title: 5, description: null, outputSchema: null },
        { name: "bad_required", inputSchema: { type: "object", properties: null, required: "a" } },
        { name: "of_a_string", inputSchema: { type: "string" } },
      ],
    }),
    "prompts/list": () => ({ prompts: [{ name: "p", description: null, arguments: null }] }),
    "resources/list": () => ({ resources: [{ uri: "test://a", name: null, mimeType: null }] }),
    "tools/call": ({ params }: { params: { name: string } }) => results[params.name] ?? {},
    "prompts/get": () => ({ description: null, messages: [{ content: "hi" }] }),
    "resources/read": () => ({ contents: [{ text: { a: 1 }, mimeType: null }] }),
  } as never);
}

describe.each(["legacy", "modern"] as const)("an official client of the %s era", (era) => {
  it("reads all lists and results of a server that writes them wrongly (failure mode 222)", async () => {
    const project = await testProject();
    await project.attach("odd", oddServer().url);
    const client = await project.client(era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "bad_required",
      "int",
      "no_schema",
      "nothing",
      "nulls",
      "untyped",
    ]);
    expect(tools[1]!.inputSchema).toEqual({ type: "object", properties: { a: {}, b: {} } });
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(["p"]);
    expect((await client.listResources()).resources).toMatchObject([{ uri: "test://a", name: "test://a" }]);
    const call = async (name: string) => (await client.callTool({ name, arguments: {} })).content;
    expect(await call("nothing")).toEqual([]);
    expect(await call("nulls")).toEqual([]);
    expect(await call("untyped")).toEqual([
      { type: "text", text: "x" },
      { type: "text", text: "5" },
    ]);
    expect((await client.getPrompt({ name: "p" })).messages).toEqual([
      { role: "user", content: { type: "text", text: "hi" } },
    ]);
    expect((await client.readResource({ uri: "test://a" })).contents).toEqual([
      { uri: "test://a", text: '{"a":1}' },
    ]);
  });
});

it("keeps the digits of long integers in ids, arguments and results (failure mode 224)", async () => {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const text = await request.text();
      if (!text.startsWith("{")) return new Response(null, { status: 405 });
      const { id, method } = JSON.parse(text);
      if (id === undefined) return new Response(null, { status: 202 });
      seen.push(text);
      const schema = `${prefix},"properties":{"a":{"type":"integer","maximum":18446744073709551615}}}`;
      const result = {
        initialize:
          '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}',
        "tools/list": `{"tools":[{"name":"t","inputSchema":${schema}}]}`,
        "tools/call": '{"content":[],"structuredContent":{"n":[12345678901234567890,-1,1.5]}}',
      }[method as string];
      const body = result
        ? `{"jsonrpc":"2.0","id":${id},"result":${result}}`
        : `{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"no"}}`;
      return new Response(body, { headers: { "content-type": "application/json" } });
    },
  });
  try {
    const project = await testProject();
    await project.attach("ids", `http://127.0.0.1:${server.port}/mcp`);
    const meta =
      '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
    const response = await fetch(project.endpoint, {
      method: "POST",
      headers: {
        authorization: `Bearer ${project.bearer}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "t",
      },
      body: `{"jsonrpc":"2.0","id":1764437000000000123,"method":"tools/call","params":{"name":"t","arguments":{"a":9007199254740993},${meta}}}`,
    });
    const text = await response.text();
    expect(text).toContain('"id":1764437000000000123');
    expect(text).toContain('"n":[12345678901234567890,-1,1.5]');
    expect(seen.at(-1)).toContain('"arguments":{"a":9007199254740993}');
  } finally {
    server.stop(true);
  }
});
