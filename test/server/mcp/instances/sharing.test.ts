import { describe, expect, it } from "vitest";
import { mcpTestServer, until } from "../../../support/mcp/runtime.ts";
import { must } from "../../../support/server.ts";

const mayRun = [{ role: "run", resource: "projects" }];

describe("the sharing of an MCP server", () => {
  it("principal: each caller has a process of its own, and no other sees its state", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { sharing: "principal" });
    const { call: alice } = await mcp.user("alice", mayRun);
    const { call: bob } = await mcp.user("bob", mayRun);
    expect(await mcp.call("count", {}, { as: alice })).toEqual({ text: "1" });
    expect(await mcp.call("count", {}, { as: alice })).toEqual({ text: "2" });
    expect(await mcp.call("count", {}, { as: bob })).toEqual({ text: "1" });
    const homes = [alice, bob].map(async (as) => (await mcp.call("env", { name: "HOME" }, { as })).text);
    expect(new Set(await Promise.all(homes)).size).toBe(2);
    // The first one was started to list the tools, and has ended.
    await until(
      async () => files.alive(),
      (alive) => alive.length === 2,
    );
    await until(mcp.instances, (rows) => rows.length === 2);
  });

  it("principal: who gets in by a password that somebody else has set gets another process (T360)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { sharing: "principal" });
    const { call: alice } = await mcp.user("alice", mayRun);
    expect(await mcp.call("count", {}, { as: alice })).toEqual({ text: "1" });
    const password = "a-new-password";
    await must(mcp.admin("PUT", "/api/v1/users/alice", { password }));
    const { body } = await must(mcp.as()("POST", "/api/v1/auth/login", { user: "alice", password }));
    expect(await mcp.call("count", {}, { as: mcp.as(body.token) })).toEqual({ text: "1" });
  });

  it("session: each session has a process of its own", async () => {
    const mcp = await mcpTestServer();
    const files = await mcp.define("files", { sharing: "session" });
    const { bearer } = await mcp.user("alice", mayRun);
    const begin = async () => {
      const { headers } = await mcp.as(bearer)("POST", "/projects/p/mcp", initialize, accept);
      return headers.get("mcp-session-id")!;
    };
    const count = async (session: string) => {
      const body = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "count", arguments: {} } };
      const headers = { ...accept, "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
      const { text } = await mcp.as(bearer)("POST", "/projects/p/mcp", body, headers);
      return JSON.parse(text.slice(text.indexOf("{"))).result.content[0].text;
    };
    const [one, other] = [await begin(), await begin()];
    expect(await count(one)).toBe("1");
    expect(await count(one)).toBe("2");
    expect(await count(other)).toBe("1");
    await until(
      async () => files.alive(),
      (alive) => alive.length === 2,
    );
    // The end of a session ends its process, and no other.
    const end = { ...accept, "mcp-session-id": one };
    await mcp.as(bearer)("DELETE", "/projects/p/mcp", undefined, end);
    await until(
      async () => files.alive(),
      (alive) => alive.length === 1,
    );
    expect(await count(other)).toBe("2");
  });

  it.each([
    ["session", 1],
    ["principal", 1],
    ["shared", 0],
  ])("%s: a log message that names no call reaches %i clients (T172)", async (sharing, count) => {
    const mcp = await mcpTestServer();
    await mcp.define("files", { sharing });
    const { bearer } = await mcp.user("alice", mayRun);
    const as = mcp.as(bearer);
    const { headers } = await as("POST", "/projects/p/mcp", initialize, accept);
    const session = headers.get("mcp-session-id")!;
    const params = {
      name: "notify",
      arguments: { method: "notifications/message", params: { level: "info", data: "of a call" } },
    };
    const { text } = await as(
      "POST",
      "/projects/p/mcp",
      { jsonrpc: "2.0", id: 2, method: "tools/call", params },
      { ...accept, "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" },
    );
    expect(text).toContain('"text":"sent"');
    expect(text.split("of a call")).toHaveLength(count + 1);
  });
});

const accept = { accept: "application/json, text/event-stream" };
const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};
