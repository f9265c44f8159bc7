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
    expect((await readListing(same, 1000)).tools).toHaveLength(2);
    const endless = upstream({ tools: {} }, () => ({
      tools: Array.from({ length: 50 }, (_, i) => ({ name: `t${i}` })),
      nextCursor: String(++pages),
    }));
    expect((await readListing(endless, 1000)).tools).toHaveLength(2000);
  });
});
