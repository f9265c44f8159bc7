import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { isAlive, mcpTestServer, until } from "../../../support/mcp/runtime.ts";

it("nothing of an MCP server is left after kill -9 of mcpctl and its next start, also where it ignores SIGTERM (failure mode 113)", async () => {
  const first = await mcpTestServer();
  const { folder } = first;
  // A server that ignores the end of its input and SIGTERM outlives whoever has started it.
  const files = await first.define("files", { modes: ["ignore-sigterm"] });
  await first.stop();
  const owner = Bun.spawn(
    [process.execPath, join(import.meta.dirname, "../../../support/mcp/killed-owner.ts"), folder],
    { stdout: "pipe", stderr: "ignore" },
  );
  onTestFinished(() => owner.kill("SIGKILL"));
  const reader = owner.stdout.getReader();
  expect(Buffer.from((await reader.read()).value!).toString()).toBe("ready\n");
  const body = { jsonrpc: "2.0", id: 1, method: "initialize", params: initialize };
  const post = (message: object, headers = {}) =>
    fetch("http://localhost/projects/p/mcp", {
      method: "POST",
      unix: join(folder, "s.sock"),
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...headers,
      },
      body: JSON.stringify(message),
    });
  const session = (await post(body)).headers.get("mcp-session-id")!;
  const call = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "count", arguments: {} } };
  await (await post(call, { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" })).text();
  const [orphan] = files.alive();
  expect(isAlive(orphan!)).toBe(true);
  owner.kill("SIGKILL");
  await owner.exited;
  rmSync(join(folder, "s.sock"), { force: true });

  const again = await mcpTestServer({ folder });
  await until(
    async () => isAlive(orphan!),
    (alive) => !alive,
  );
  expect(await again.instances()).toEqual([]);
  expect(await again.tools()).toContain("count");
});

const initialize = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "test", version: "1" },
};
