import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";

const resource = (uri: string) => ({ uri, name: uri });
const listing = { ttlMs: 0, cacheScope: "private" };
const capabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } };

/** A field of an object as Go's decoder finds it: the last one that is equal but for case. */
function asInGo(object: Record<string, unknown>, field: string): unknown {
  return Object.entries(object).findLast(([key]) => key.toLowerCase() === field.toLowerCase())?.[1];
}

/** An MCP server that reads its params as programs in Go do, and notes what it is asked for. */
function serverInGo() {
  const asked: unknown[] = [];
  const note = (field: string) => (call: { params: Record<string, unknown> }) => {
    asked.push(asInGo(call.params, field));
    return {
      resultType: "complete",
      ...said("done"),
      messages: [],
      contents: [],
      completion: { values: [] },
    };
  };
  const upstream = scriptedMcp(
    "modern",
    {
      "tools/list": () => ({ tools: [tool("read"), tool("wipe")], ...listing }),
      "prompts/list": () => ({ prompts: [{ name: "open" }], ...listing }),
      "resources/list": () => ({ resources: [resource("file:///open")], ...listing }),
      "tools/call": note("name"),
      "prompts/get": note("name"),
      "resources/read": note("uri"),
      "tasks/get": note("taskId"),
      "completion/complete": ({ params }) => note("name")({ params: asInGo(params, "ref") as never }),
    },
    { capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} } as never },
  );
  return { upstream, asked };
}

describe("an MCP server that takes `Name` for `name`", () => {
  it("is never asked for what the project does not offer (T265)", async () => {
    const { upstream, asked } = serverInGo();
    const project = await testProject();
    await project.attach("s", upstream.url, { tools: { deny: ["wipe"] } });
    const tries = [
      ["tools/call", { name: "read", Name: "wipe" }, "name"],
      ["tools/call", { name: "read", arguments: {}, ARGUMENTS: { all: true } }, "arguments"],
      ["tools/call", { name: "read", NAME: "wipe" }, "name"],
      ["prompts/get", { name: "open", Name: "hidden" }, "name"],
      ["resources/read", { uri: "file:///open", URI: "file:///hidden" }, "uri"],
      ["tasks/get", { taskId: "x", TaskID: "that of another" }, "taskId"],
      ["tools/call", { name: "read", RequestState: "of another" }, "requestState"],
      ["completion/complete", { ref: { type: "ref/prompt", name: "open", Name: "hidden" } }, "name"],
      ["completion/complete", { ref: { type: "ref/prompt", name: "open" }, Ref: {} }, "ref"],
    ] as const;
    for (const [method, params, field] of tries) {
      const { body } = await project.modern(method, params, { capabilities });
      expect(body.error).toMatchObject({ code: -32602, message: expect.stringContaining(`"${field}"?`) });
    }
    const headers = await project.session();
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read", Name: "wipe" } };
    expect((await project.post(message, { headers })).text).toContain("did you mean");
    expect(asked).toEqual([]);
    await project.modern("tools/call", { name: "read", Other: 1 });
    expect(asked).toEqual(["read"]);
  });
});
