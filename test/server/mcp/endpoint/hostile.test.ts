import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { messagesOf, testProject } from "../../../support/mcp/project.ts";
import { mcpTestServer } from "../../../support/mcp/runtime.ts";

const strange: unknown[] = [{ toString: 1, valueOf: 1 }, [], null, 5, true, JSON.parse('{"__proto__":1}')];

async function project() {
  const upstream = scriptedMcp("legacy", {
    "tools/list": () => ({ tools: [tool("echo")] }),
    "tools/call": ({ params }) => said(JSON.stringify(params.arguments)),
  });
  const p = await testProject();
  await p.attach("s", upstream.url);
  return { ...p, upstream };
}

describe("a hostile client", () => {
  it("gets errors for params of any form, and never one of the server's own (failure mode 133)", async () => {
    const p = await project();
    const headers = await p.session();
    const methods = [
      "tools/call",
      "prompts/get",
      "resources/read",
      "resources/subscribe",
      "resources/unsubscribe",
      "logging/setLevel",
      "completion/complete",
      "tools/list",
    ];
    for (const method of methods)
      for (const value of strange) {
        const fields = ["name", "uri", "level", "cursor", "arguments", "_meta", "ref"].map((field) => [
          field,
          value,
        ]);
        for (const params of [
          Object.fromEntries(fields),
          { ref: { type: "ref/prompt", name: value } },
          { ref: { type: "ref/resource", uri: value } },
        ]) {
          const { status, body } = await p.post({ jsonrpc: "2.0", id: 1, method, params }, { headers });
          expect([200, 400], `${method} ${JSON.stringify(params)}`).toContain(status);
          expect(body.error?.code, `${method} ${JSON.stringify(params)}`).not.toBe(-32603);
        }
      }
    const states = [
      { requestState: {}, inputResponses: 5 },
      { requestState: "x".repeat(2_000_000) },
      { inputResponses: strange },
    ];
    for (const params of states) {
      const { body } = await p.modern("tools/call", { name: "echo", ...params });
      expect(body.error?.code ?? "ok").not.toBe(-32603);
    }
    for (const notifications of [
      ...strange,
      { toolsListChanged: 1 },
      { resourceSubscriptions: ["a", 5] },
      { resourceSubscriptions: Array(1000).fill("a") },
    ]) {
      const { body } = await p.modern("subscriptions/listen", { notifications });
      if (body) expect(body.error.code).toBe(-32602);
    }
    expect(p.logged.filter((line) => /defect|TypeError|Error:/.test(line))).toEqual([]);
  });

  it("gets its own ids back, however long or odd they are", async () => {
    const p = await project();
    const headers = await p.session();
    for (const id of ["x".repeat(100_000), "", 'é\n\u2028"', 0, -1, 9_007_199_254_740_991]) {
      const { body } = await p.post({ jsonrpc: "2.0", id, method: "ping" }, { headers });
      expect(body.id).toBe(id);
    }
    for (const id of [1.5, true, [1], { a: 1 }])
      expect((await p.post({ jsonrpc: "2.0", id, method: "ping" }, { headers })).status).toBe(400);
  });

  it("has a bounded number of requests at a time in its session (T170)", async () => {
    const started: (() => void)[] = [];
    const upstream = scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [tool("wait")] }),
      "tools/call": () => new Promise((resolve) => started.push(() => resolve(said("ok")))),
    });
    const p = await testProject();
    await p.attach("w", upstream.url);
    const headers = await p.session();
    const call = (id: number) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "wait" } });
    const batch = p.post(
      Array.from({ length: 100 }, (_, i) => call(i)),
      { headers },
    );
    const { body } = await until(
      () => p.post(call(200), { headers }),
      ({ body }) => body?.error !== undefined,
    );
    expect(body.error).toMatchObject({ code: -32600, message: expect.stringContaining("100 requests") });
    await until(
      async () => started.length,
      (count) => count >= 16,
    );
    const done = batch.then(({ text }) => text);
    const release = setInterval(() => {
      for (const go of started.splice(0)) go();
    }, 10);
    expect((await done).match(/"id"/g)).toHaveLength(100);
    clearInterval(release);
    expect(
      (
        await p.post(
          Array.from({ length: 101 }, (_, i) => call(i)),
          { headers },
        )
      ).status,
    ).toBe(400);
  });

  it("gets no answer of others by using their ids and tokens for progress, in either era (T323)", async () => {
    const mcp = await mcpTestServer();
    await mcp.define("files");
    const users = await Promise.all(
      ["alice", "bob"].map((name) => mcp.user(name, [{ role: "run", resource: "projects" }])),
    );
    const accept = "application/json, text/event-stream";
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    };
    const calls = users.flatMap(({ call: as }, user) =>
      [0, 1, 2, 3].map(async (n) => {
        const own = { text: `user ${user} call ${n}`, ms: 300 - 60 * n };
        const meta = { progressToken: "p" };
        if (n % 2 === 0) return [own.text, (await mcp.call("wait", own, { as, meta })).text];
        const begun = await as("POST", "/projects/p/mcp", {
          jsonrpc: "2.0",
          id: 1,
          method: "initialize",
          params,
        });
        const headers = { accept, "mcp-session-id": begun.headers.get("mcp-session-id")! };
        const request = { name: "wait", arguments: own, _meta: meta };
        const sent = { jsonrpc: "2.0", id: 1, method: "tools/call", params: request };
        const answer = messagesOf(await as("POST", "/projects/p/mcp", sent, headers)).at(-1);
        return [own.text, answer.id === 1 && answer.result.content[0].text];
      }),
    );
    for (const [own, got] of await Promise.all(calls)) expect(got).toBe(own);
  });

  it("that leaves in the middle of its body or before its answer leaves nothing behind", async () => {
    const p = await project();
    const headers = await p.session();
    for (let i = 0; i < 20; i++) {
      const leaving = new AbortController();
      const answer = fetch(p.endpoint, {
        method: "POST",
        headers: {
          ...headers,
          authorization: `Bearer ${p.bearer}`,
          "content-type": "application/json",
          accept: "text/event-stream, application/json",
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: i, method: "tools/call", params: { name: "echo" } }),
        signal: leaving.signal,
      }).catch(() => undefined);
      leaving.abort();
      await answer;
    }
    const open = async () =>
      Number(/^mcpctl_open_streams (\d+)$/m.exec((await p.admin("GET", "/metrics")).text)![1]);
    expect(await until(open, (count) => count === 0)).toBe(0);
  });
});

async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (const end = performance.now() + 60_000; ; await Bun.sleep(10)) {
    const value = await read();
    if (holds(value) || performance.now() > end) return value;
  }
}
