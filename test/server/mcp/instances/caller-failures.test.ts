import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/agent/fake-clock.ts";
import { type McpTestServer, mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";

const mayRun = [{ role: "run", resource: "projects" }];

/** An MCP server with an instance for each caller, whose program can be taken away. */
async function removable(mcp: McpTestServer) {
  const program = join(mcp.folder, "run-it");
  writeFileSync(program, '#!/bin/sh\nexec "$@"\n');
  chmodSync(program, 0o755);
  await mcp.define("base");
  const { body } = await must(mcp.admin("GET", "/api/v1/servers/base"));
  const command = [program, ...body.command];
  await mcp.attach("files", { command, sandbox: "none", sharing: "principal", idleMinutes: 1 });
  await until(
    () => mcp.row("files"),
    ({ toolCount }) => toolCount > 0,
  );
  const count = async (name: string) => {
    const { call: as } = await mcp.user(name, mayRun);
    return () => mcp.call("files_count", {}, { as });
  };
  return { remove: () => rmSync(program), count };
}

describe("the instance of one caller that does not start", () => {
  it("hides nothing from the others, who are told what is wrong with the host (failure mode 255)", async () => {
    const mcp = await mcpTestServer();
    const { count, remove } = await removable(mcp);
    const [alice, bob] = [await count("alice"), await count("bob")];
    expect(await alice()).toEqual({ text: "1" });
    remove();
    expect((await bob()).error?.message).toMatch(/run-it is not on this host/);
    const { status } = await until(
      () => mcp.row("files"),
      ({ conditions }) => conditions[0]?.type === "CannotStart",
    );
    expect(status).not.toBe("failed");
    expect(await mcp.tools()).toContain("files_count");
    expect(await alice()).toEqual({ text: "2" });
  });

  it("keeps the last words of its program from the others (failure mode 255)", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { sharing: "principal", modes: ["crash-while-marked"] });
    const { call: bob } = await mcp.user("bob", mayRun);
    files.mark("broken");
    expect((await mcp.call("count", {}, { as: bob })).error?.message).toContain("the broken marker is there");
    const failed = await until(mcp.instances, (rows) => rows.some(({ status }) => status === "backoff"));
    expect(JSON.stringify(failed)).toContain("the broken marker is there");
    expect((await mcp.row("files")).conditions.map(({ type }: { type: string }) => type)).toEqual([
      "Unsandboxed",
    ]);
  });

  it("gives its place to others when nobody calls it any more (failure mode 256)", async () => {
    const clock = new FakeClock();
    const mcp = await mcpTestServer({ time: clock });
    const { count, remove } = await removable(mcp);
    const bob = await count("bob");
    await until(mcp.instances, (rows) => rows.every(({ server }) => server !== "files"));
    remove();
    await bob();
    const ofFiles = async () => (await mcp.instances()).filter(({ server }) => server === "files");
    await until(ofFiles, ([one]) => one?.status === "failed");
    for (let minute = 0; minute < 10; minute++) await clock.advance(60_000);
    await until(ofFiles, (rows) => rows.length === 0);
  });
});
