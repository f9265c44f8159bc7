import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type McpTestServer, mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";

const key = "tk-4711-very-secret-value";

function withSecret(name = "API_KEY") {
  return { env: [{ name, valueFrom: { secretRef: { name: "github", key: "token" } } }] };
}

async function putSecret({ admin }: McpTestServer, data: object): Promise<void> {
  const { status } = await admin("GET", "/api/v1/secrets/github");
  if (status === 404) await must(admin("POST", "/api/v1/secrets", { name: "github", data }));
  else await must(admin("PUT", "/api/v1/secrets/github", { data }));
}

/** Every text that the server has written or tells about its MCP servers. */
async function everything(mcp: McpTestServer): Promise<string> {
  const logs = join(mcp.folder, "mcp/logs");
  const files = readdirSync(logs, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const texts = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8"));
  const rows = ["servers", "instances", "audit"].map(
    async (path) => (await mcp.admin("GET", `/api/v1/${path}`)).text,
  );
  return [...texts, ...mcp.logged, ...(await Promise.all(rows))].join("\n");
}

describe("secrets in the environment of an MCP server", () => {
  it("are in the environment of its process and in no argument, log, row or error (T150)", async () => {
    const mcp = await mcpTestServer();
    await putSecret(mcp, { token: key });
    const files = await mcp.define("files", { ...withSecret(), modes: ["prints-key"] });
    expect(await mcp.call("env", { name: "API_KEY" })).toEqual({ text: key });
    expect(await mcp.call("env", { name: "HOME" })).not.toEqual({ text: process.env["HOME"] });
    const [pid] = files.alive();
    expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).not.toContain(key);
    await mcp.call("crash");
    await mcp.stop();
    const { folder } = mcp;
    const again = await mcpTestServer({ folder });
    const all = await everything(again);
    expect(all).not.toContain(key);
    expect(all).toContain("the key is [redacted]");
  });

  it("restart it when they change, and only then", async () => {
    const mcp = await mcpTestServer();
    await putSecret(mcp, { token: key });
    const files = await mcp.define("files", withSecret());
    expect(await mcp.call("env", { name: "API_KEY" })).toEqual({ text: key });
    await must(mcp.admin("POST", "/api/v1/secrets", { name: "other", data: { a: "b" } }));
    expect(await mcp.call("count")).toEqual({ text: "1" });
    await putSecret(mcp, { token: "another-value" });
    expect(await mcp.call("env", { name: "API_KEY" })).toEqual({ text: "another-value" });
    expect(files.count("start ")).toBe(2);
  });

  it.each([
    ["<YOUR_TOKEN>", "PlaceholderValue", "holds a placeholder"],
    ["your-api-key-here", "PlaceholderValue", "holds a placeholder"],
    ["changeme", "PlaceholderValue", "holds a placeholder"],
  ])("keep it from starting while one is %s", async (value, type, message) => {
    const mcp = await mcpTestServer();
    await putSecret(mcp, { token: value });
    const files = await mcp.define("files", { ...withSecret(), isBroken: true });
    const row = await until(
      () => mcp.row("files"),
      ({ status }) => status === "failed",
    );
    expect(row.conditions).toEqual([{ type, message: expect.stringContaining(message) }]);
    expect(row.conditions[0].message).not.toContain(value);
    expect(files.count("start ")).toBe(0);
    await putSecret(mcp, { token: key });
    await until(
      () => mcp.row("files"),
      ({ toolCount, status }) => toolCount > 0 && status === "ready",
    );
    expect(await mcp.call("env", { name: "API_KEY" })).toEqual({ text: key });
  });

  it("keep it from starting while the key is missing", async () => {
    const mcp = await mcpTestServer();
    await putSecret(mcp, { token: key });
    const files = await mcp.define("files", withSecret());
    await putSecret(mcp, { token: null, other: "x" });
    expect((await mcp.call("count")).error?.message).toMatch(/key "token" of secret "github" does not exist/);
    const row = await until(
      () => mcp.row("files"),
      ({ status }) => status === "failed",
    );
    expect(row.conditions[0].type).toBe("SecretMissing");
    expect(files.count("start ")).toBe(1);
  });
});

describe("the environment of an MCP server", () => {
  it("takes plain values as they are, but none that is a placeholder", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { env: [{ name: "LABEL", value: "todo" }] });
    expect(await mcp.call("env", { name: "LABEL" })).toEqual({ text: "todo" });
    await mcp.define("more", { env: [{ name: "LABEL", value: "${LABEL}" }], isBroken: true });
    const row = await until(
      () => mcp.row("more"),
      ({ status }) => status === "failed",
    );
    expect(row.conditions).toEqual([
      { type: "PlaceholderValue", message: "env LABEL holds a placeholder; put the real value there" },
    ]);
  });
});
