import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/mcp/messages.ts";
import { RpcError } from "../../../src/mcp/rpc-error.ts";
import { readListing } from "../../../src/mcp/upstream/listing.ts";
import { Upstream } from "../../../src/mcp/upstream/upstream.ts";

/** A server that answers lists with a function. */
function upstream(
  capabilities: JsonObject,
  answer: (method: string, params: JsonObject) => JsonObject,
): Upstream {
  const wire = {
    exchange: async (method: string, params: JsonObject) => answer(method, params),
    notify: async () => undefined,
    use: () => undefined,
    close: async () => undefined,
  };
  const facts = { revision: "2025-11-25", serverInfo: {}, capabilities };
  return new Upstream(wire, facts, { name: "test", version: "1" });
}

describe("readListing", () => {
  it("replaces half characters and U+0000, and leaves out what has them in its name (failure mode 291)", async () => {
    const description = `cut in the middle of an emoji: ${"🚀".slice(0, 1)}, C: \0, as text: \\ud83d \\u0000`;
    const inputSchema = { type: "object", properties: { "\ud83d": { type: "string" } } };
    const tools = [
      { name: "good", description, inputSchema },
      { name: "bad\0" },
      { name: "\udfff" },
      { name: "🚀" },
    ];
    const server = upstream({ tools: {} }, () => ({ tools }));
    const { tools: kept, leftOut } = await readListing(server, 1000);
    expect(kept).toEqual([
      {
        name: "good",
        description: "cut in the middle of an emoji: \uFFFD, C: \uFFFD, as text: \\ud83d \\u0000",
        inputSchema: { type: "object", properties: { "\uFFFD": { type: "string" } } },
      },
      { name: "🚀" },
    ]);
    expect(leftOut).toBe(2);
  });

  it("reads all pages of the lists that the server declares, and no others", async () => {
    const asked: string[] = [];
    const server = upstream({ tools: {} }, (method, { cursor }) => {
      asked.push(`${method} ${cursor ?? ""}`);
      return cursor === undefined
        ? { tools: [{ name: "a" }], nextCursor: "" }
        : { tools: [{ name: "b" }, null] };
    });
    expect(await readListing(server, 1000)).toEqual({
      tools: [{ name: "a" }, { name: "b" }],
      prompts: [],
      resources: [],
      resourceTemplates: [],
      leftOut: 1,
    });
    expect(asked).toEqual(["tools/list ", "tools/list "]);
  });

  it("takes a list that the server does not know for an empty one", async () => {
    const server = upstream({ resources: {} }, (method) => {
      if (method === "resources/templates/list") throw new RpcError(-32601, "unknown");
      return { resources: [{ uri: "a:b" }] };
    });
    expect(await readListing(server, 1000)).toMatchObject({
      resources: [{ uri: "a:b" }],
      resourceTemplates: [],
    });
  });

  it("ends with a server whose list never does", async () => {
    let pages = 0;
    const same = upstream({ tools: {} }, () => ({
      tools: [{ name: "a" }],
      nextCursor: "again",
      page: ++pages,
    }));
    expect(await readListing(same, 1000)).toMatchObject({
      tools: [{ name: "a" }, { name: "a" }],
      leftOut: 0,
    });
    let asked = 0;
    const endless = upstream({ tools: {} }, () => ({
      tools: Array.from({ length: 50 }, () => ({ name: `t${++pages}` })),
      nextCursor: String(++asked),
    }));
    const { tools, leftOut } = await readListing(endless, 1000);
    expect([tools.length, leftOut, asked]).toEqual([2000, 3000, 100]);
  });

  it("leaves out what is too large or too deep, and counts it (T154)", async () => {
    let deep: JsonObject = {};
    for (let i = 0; i < 70; i++) deep = { a: deep };
    const large = { name: "large", description: "x".repeat(300_000) };
    const tools = [large, { name: "deep", inputSchema: deep }, 7, { name: "a" }];
    const server = upstream({ tools: {} }, () => ({ tools }));
    expect(await readListing(server, 1000)).toMatchObject({ tools: [{ name: "a" }], leftOut: 3 });
  });

  it("keeps four megabytes of all lists together (T154)", async () => {
    const many = (field: string, key: string) => ({
      [field]: Array.from({ length: 20 }, (_, i) => ({
        [key]: `${field}:${i}`,
        description: "x".repeat(200_000),
      })),
    });
    const server = upstream({ tools: {}, prompts: {} }, (method) =>
      method === "tools/list" ? many("tools", "name") : many("prompts", "name"),
    );
    const { leftOut, ...lists } = await readListing(server, 1000);
    expect(JSON.stringify(lists).length).toBeLessThan(4.3 * 1024 * 1024);
    expect([lists.tools.length, lists.prompts.length, leftOut]).toEqual([20, 0, 20]);
  });
});
