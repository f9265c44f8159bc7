import { describe, expect, it } from "vitest";
import { cli } from "../../support/cli/run-cli.ts";
import { mcpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";

const isLine = (text: string) => (line: { text: string }) => line.text.includes(text);

describe("GET /api/v1/servers/NAME/logs", () => {
  it("returns what the programs wrote to stderr, other lines of stdout, and starts and ends", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { modes: ["chatty"] });
    const read = async (query = "") =>
      (await must(mcp.admin("GET", `/api/v1/servers/files/logs${query}`))).body;
    const lines = await until(
      () => read("?tail=100000"),
      (all) => all.some(isLine("line 1999")),
    );
    expect(lines.find(isLine("has started"))).toMatchObject({ instance: "files-1", stream: "mcpctl" });
    expect(lines.find(isLine("{not json"))).toMatchObject({ stream: "stdout" });
    expect(lines.find(isLine("welcome"))).toMatchObject({ stream: "stderr" });
    expect(await read("?tail=2")).toEqual(lines.slice(-2));
    expect(await read("?since=2999-01-01T00:00:00Z")).toEqual([]);
    expect((await mcp.admin("GET", "/api/v1/servers/files/logs?since=x")).status).toBe(400);
    await mcp.call("crash");
    await mcp.call("count");
    const previous = await until(
      () => read("?previous=1"),
      (all) => all.some(isLine("so to speak")),
    );
    expect(previous.some(isLine("ended with code 9"))).toBe(true);
    expect((await must(mcp.admin("GET", "/api/v1/instances/files-1/logs?tail=1"))).body).toHaveLength(1);
    expect((await mcp.admin("GET", "/api/v1/instances/files-2/logs")).status).toBe(404);
  });

  it("needs edit on the MCP server (T150)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files");
    const { call: reader } = await mcp.user("reader", [{ role: "view", resource: "*" }]);
    const { call: editor } = await mcp.user("editor", [{ role: "edit", resource: "servers", name: "files" }]);
    for (const path of ["servers/files", "instances/files-1"]) {
      expect((await reader("GET", `/api/v1/${path}/logs`)).status).toBe(403);
    }
    expect((await editor("GET", "/api/v1/servers/files/logs")).status).toBe(200);
    expect((await editor("GET", "/api/v1/servers/other/logs")).status).not.toBe(200);
  });
});

it("ends a follower whose right ends (T150)", async () => {
  const mcp = await mcpTestServer();
  await mcp.define("files");
  const { bearer } = await mcp.user("eve", [{ role: "edit", resource: "servers", name: "files" }]);
  const response = await fetch(`${mcp.url}/api/v1/servers/files/logs?follow=1&tail=0`, {
    headers: { authorization: `Bearer ${bearer}` },
  });
  expect(response.status).toBe(200);
  await must(mcp.admin("DELETE", "/api/v1/rbac/of-eve"));
  // It would never end otherwise.
  await response.text();
});

describe("mcpctl logs", () => {
  it("prints the lines of a server or an instance, without what moves a cursor (T42)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { modes: ["chatty"] });
    const run = (line: string) => cli(line, { server: { url: `unix://${mcp.socketPath}` } as never });
    const { stdout, code } = await run("logs files --tail 5000");
    expect(code).toBe(0);
    expect(stdout).toContain("\\e[31mwelcome\\e[0m\n");
    expect(stdout).toMatch(/^\[mcpctl\] process \d+ has started, sandbox none$/m);
    expect(stdout).toContain("[stdout] {not json\n");
    expect(stdout).not.toContain("\u001b");
    expect((await run("logs files-1 --tail 1 -o json")).stdout).toMatch(/^\{"at":.*"instance":"files-1"/);
    expect((await run("logs server/files --tail 1 --timestamps")).stdout).toMatch(/^\d{4}-\d\d-\d\dT/);
    const missing = await run("logs filse");
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining('did you mean "files"')]);
    expect((await run("logs llm/files")).code).toBe(2);
    expect((await run("logs files -f --previous")).code).toBe(2);
    expect((await run("logs files --tail many")).code).toBe(2);
  });

  it("follows new lines until it is stopped", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files");
    const stop = new AbortController();
    const running = cli("logs files -f --tail 0", {
      server: { url: `unix://${mcp.socketPath}` } as never,
      signal: stop.signal,
      onOutput(stdout) {
        if (stdout.includes("flood 1 yyy")) stop.abort();
      },
    });
    // The follower may not be there yet at the first calls.
    while (!stop.signal.aborted) await mcp.call("flood", { lines: 2 });
    const { stdout, code } = await running;
    expect(code).toBe(130);
    expect(stdout).toContain("flood 1 yyy");
  });
});
