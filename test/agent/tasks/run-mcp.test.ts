import { describe, expect, it } from "vitest";
import { type LocalMcpServer, McpStartError } from "../../../src/agent/core/mcp-server.ts";
import { Questions, runMcp } from "../../../src/agent/tasks/run-mcp.ts";
import type { TaskLine, TaskOutcome } from "../../../src/agent/transports/server-link.ts";
import { McpFailure, RpcError } from "../../../src/mcp/rpc-error.ts";
import type { McpCallRequest } from "../../../src/wire/link/mcp-calls.ts";
import { mcpConfig } from "../../support/agent/mcp-agent.ts";
import { memoryLog } from "../../support/agent/memory-log.ts";

type Call = LocalMcpServer["call"];

/** Runs a task of the server and returns the calls that reached the MCP server, and the lines of the response. */
async function ran(request: unknown, call: Call = async () => ({ content: [] }), isOlder = false) {
  const calls: McpCallRequest[] = [];
  const lines: unknown[] = [];
  const outcomes: TaskOutcome[] = [];
  const server = {
    config: mcpConfig("desk"),
    call: (one: McpCallRequest, events: Parameters<Call>[1]) => {
      calls.push(one);
      return call(one, events);
    },
  } as unknown as LocalMcpServer;
  const line = {
    accept: async () => ({ request }),
    begin: () => !isOlder,
    write: (bytes: Uint8Array) => void lines.push(JSON.parse(Buffer.from(bytes).toString())),
    end: async () => {},
    finish: async (outcome: TaskOutcome) => void outcomes.push(outcome),
    close() {},
    full: false,
  } as unknown as TaskLine;
  const questions = new Questions();
  const { signal } = new AbortController();
  const task = { kind: "mcp", taskId: "t", attempt: 1, serverName: "desk" } as const;
  await runMcp(task, { server, line, questions, signal, log: memoryLog(), onEndless: () => {} });
  return { calls, lines, outcomes };
}

const good = { method: "tools/call", params: { name: "it" }, capabilities: {}, timeoutMs: 1000 };

describe("a call of an MCP server, as its agent runs it", () => {
  it("passes on the method, the params and the limits, and nothing else (T181)", async () => {
    const { calls, lines } = await ran({
      ...good,
      command: ["sh", "-c", "id"],
      url: "http://127.0.0.1:1",
      env: { A: "b" },
      sandbox: "none",
    });
    expect(calls).toEqual([{ ...good, mayRepeat: false, wantsProgress: false }]);
    expect(lines).toEqual([{ result: { content: [] } }]);
  });

  it.each([
    [{ ...good, method: "initialize" }],
    [{ ...good, method: "notifications/cancelled" }],
    [{ ...good, method: "resources/subscribe" }],
    [{ ...good, method: ["tools/call"] }],
    [{}],
    ["tools/call"],
    [null],
  ])("refuses %j and calls nothing (T181)", async (request) => {
    const { calls, lines } = await ran(request);
    expect([calls, lines]).toEqual([[], [{ failure: "refused" }]]);
  });

  it("has a time limit of a day at most, whatever the server asks for", async () => {
    for (const timeoutMs of [0, -1, 1e12, "x", undefined]) {
      const { calls } = await ran({ ...good, timeoutMs });
      expect(calls[0]!.timeoutMs).toBe(86_400_000);
    }
  });

  it.each([
    [new RpcError(-32_602, "no such tool"), { error: { code: -32_602, message: "no such tool" } }],
    [new McpStartError("spawn /home/alice/secret ENOENT", 7), { failure: "start", retryAfter: 7 }],
    [new McpFailure("timeout", "10.0.0.9 is slow"), { failure: "timeout" }],
    [new McpFailure("malformed", "/home/alice"), { failure: "malformed" }],
    [new McpFailure("closed", "/home/alice"), { failure: "closed" }],
    [new Error("/home/alice"), { failure: "closed" }],
  ])("sends one word for %s (T183)", async (error, line) => {
    const { lines } = await ran(good, () => Promise.reject(error));
    expect(lines).toEqual([line]);
  });

  it("is not made for a server that takes no lines", async () => {
    const { calls, outcomes } = await ran(good, undefined, true);
    expect([calls, outcomes]).toMatchObject([[], [{ error: { kind: "malformed" } }]]);
  });
});

describe("the questions of an MCP server", () => {
  it("get the answers of the client, and no others", async () => {
    const questions = new Questions();
    const { signal } = new AbortController();
    const ids: string[] = [];
    const first = questions.ask((id) => void ids.push(id), signal);
    const second = questions.ask((id) => void ids.push(id), signal);
    questions.answer({ id: "unknown", result: { wrong: true } });
    questions.answer({ id: ids[1]!, error: { code: -1, message: "no" } });
    questions.answer({ id: ids[0]!, result: { ok: true } });
    expect(await first).toEqual({ ok: true });
    await expect(second).rejects.toMatchObject({ code: -1, message: "no" });
  });

  it("end with the call, and are 20 at most", async () => {
    const questions = new Questions();
    const over = new AbortController();
    const waiting = Array.from({ length: 20 }, () => questions.ask(() => {}, over.signal));
    for (const one of waiting) one.catch(() => {});
    await expect(questions.ask(() => {}, over.signal)).rejects.toThrow(/too many/);
    over.abort();
    for (const one of waiting) await expect(one).rejects.toThrow(/the call is over/);
  });
});
