import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseLevel } from "../../../../src/processes/sandbox/levels.ts";
import { mcpTestServer, testPrograms, until } from "../../../support/mcp/runtime.ts";

const program = join(import.meta.dirname, "../../../support/mcp/scripted-stdio.ts");

describe("an MCP server with sandbox: auto", () => {
  it("runs in the strongest sandbox of the host, with a home of its own, and ends with the server", async () => {
    const mcp = await mcpTestServer();
    await mcp.attach("kept", { command: [process.execPath, program] });
    await until(
      () => mcp.row("kept"),
      ({ toolCount }) => toolCount > 0,
    );
    const { level } = await chooseLevel("auto", testPrograms().host.levels, {
      ways: ["host"],
      network: true,
    });
    const [instance] = await until(mcp.instances, ([one]) => one?.status === "idle");
    expect(instance.sandbox).toBe(level.name);
    expect(await mcp.call("count")).toEqual({ text: "1" });
    expect((await mcp.call("env", { name: "HOME" })).text).toContain("/mcp/programs/srv_");
    const { conditions } = await mcp.row("kept");
    expect(conditions.some(({ type }: { type: string }) => type === "Unsandboxed")).toBe(!level.isolates);
    await mcp.stop();
  });
});
