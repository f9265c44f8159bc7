import { describe, expect, it } from "vitest";
import { until } from "../../support/mcp/runtime.ts";
import { nodes } from "./nodes.ts";

describe("an MCP server of two nodes", () => {
  it("runs once: calls at the other node reach the same process (failure mode 169)", async () => {
    const {
      nodes: [a, b],
    } = await nodes(["a", "b"]);
    const files = await a!.define("files");
    expect(await a!.call("count")).toEqual({ text: "1" });
    await until(b!.tools, (tools) => tools.includes("count"));
    expect(await b!.call("count")).toEqual({ text: "2" });
    expect(await a!.call("count")).toEqual({ text: "3" });
    expect(files.count("start ")).toBe(1);
    const rows = await until(b!.instances, (some) => some.length === 1 && some[0].status === "running");
    expect(rows[0]).toMatchObject({ name: "files-1", node: "a" });
  });
});
