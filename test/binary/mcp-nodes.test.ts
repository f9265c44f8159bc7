import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { freshDatabase } from "../postgres.ts";
import { type BinaryServer, freshFolder, must, startBinary } from "../support/binary.ts";

const program = join(import.meta.dirname, "../support/mcp/scripted-stdio.ts");

const revision = "2026-07-28";
const meta = {
  "io.modelcontextprotocol/protocolVersion": revision,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
};

/** Calls the tool that counts its calls. Returns the count, or the answer where there is none. */
async function countAt(server: BinaryServer, bearer: string): Promise<unknown> {
  const params = { name: "count", arguments: {}, _meta: meta };
  const { body, text } = await server.call("POST", "/projects/p/mcp", {
    bearer,
    body: { jsonrpc: "2.0", id: 1, method: "tools/call", params },
    headers: {
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": revision,
      "mcp-method": "tools/call",
      "mcp-name": "count",
    },
  });
  return body?.result ? Number(body.result.content[0].text) : text;
}

it("two servers on one PostgreSQL run an MCP server once; one that was killed has it back when it starts again", async () => {
  const env = { MCPCTL_DATABASE_URL: await freshDatabase() };
  const journal = join(freshFolder(), "journal");
  const starts = () => readFileSync(journal, "utf8").match(/^start /gm)?.length;
  const one = await startBinary({ env });
  const command = [process.execPath, program, journal];
  await one.admin("POST", "/api/v1/servers", { name: "files", sandbox: "none", command });
  await must(one.run("create project p"));
  await must(one.run("attach-server files -p p"));
  const made = await must(one.run("create token t --bind role:run,resource:projects -o json"));
  const count = (server: BinaryServer) => countAt(server, JSON.parse(made).token);
  await expect.poll(() => count(one), { interval: 50 }).toBe(1);
  const two = await startBinary({ env });
  await expect.poll(() => count(two), { interval: 50 }).toBe(2);
  expect(starts()).toBe(1);
  expect(await must(two.run("get instances"))).toMatch(/NODE[\s\S]*files-1/);
  expect(await must(two.run("logs files"))).toContain("has started");
  await must(two.run("delete instance files-1"));
  await expect.poll(() => count(two), { interval: 50 }).toBe(1);
  expect(starts()).toBe(2);
  // Others would wait for the end of its lease; the server itself knows that its last run is over.
  one.kill("SIGKILL");
  await one.ended;
  const again = await startBinary({ env, home: one.home });
  expect(await count(again)).toBe(1);
  await expect.poll(() => count(two), { interval: 50 }).toBeGreaterThan(1);
  expect(starts()).toBe(3);
});
