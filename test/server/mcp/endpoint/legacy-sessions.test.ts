import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { messagesOf, testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";

const request = (id: number | string, method: string, params: object = {}) => ({
  jsonrpc: "2.0",
  id,
  method,
  params,
});
const call = (id: number | string, name: string, more: object = {}) =>
  request(id, "tools/call", { name, arguments: {}, ...more });

/** A server with a tool that waits until the test lets it go, and others. */
function waiting() {
  const started = Promise.withResolvers<AbortSignal>();
  const go = Promise.withResolvers<void>();
  const upstream = scriptedMcp("legacy", {
    "tools/list": () => ({ tools: [tool("wait"), tool("quick"), tool("log")] }),
    "tools/call": async ({ params, signal, notify }) => {
      if (params.name === "log")
        for (const level of ["debug", "error"]) notify("notifications/message", { level, data: level });
      if (params.name !== "wait") return said("quick");
      notify("notifications/progress", { progressToken: params._meta?.progressToken, progress: 1 });
      started.resolve(signal);
      await go.promise;
      return said("waited");
    },
  });
  return { ...upstream, started: started.promise, go: go.resolve };
}

async function project() {
  const upstream = waiting();
  const p = await testProject();
  await p.attach("s", upstream.url);
  return { ...p, upstream };
}

describe("a session of a legacy client", () => {
  it("has an id that cannot be guessed, and ends with DELETE", async () => {
    const p = await project();
    const headers = await p.session();
    const other = await p.session();
    expect(headers["mcp-session-id"]).toMatch(/^[0-9a-f]{32}$/);
    expect(other["mcp-session-id"]).not.toBe(headers["mcp-session-id"]);
    expect((await p.post(request(1, "ping"), { headers })).body).toEqual({
      jsonrpc: "2.0",
      id: 1,
      result: {},
    });
    expect((await p.as(p.bearer)("DELETE", "/projects/p/mcp", undefined, headers)).status).toBe(204);
    const gone = await p.post(request(2, "ping"), { headers });
    expect([gone.status, gone.body.error.code]).toEqual([404, -32001]);
  });

  it("is not there for another principal, nor for another project (T160)", async () => {
    const p = await project();
    await p.admin("POST", "/api/v1/projects", { name: "q" });
    const headers = await p.session();
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const unknown = { ...headers, "mcp-session-id": "0".repeat(32) };
    const answers = [
      await p.post(request(1, "tools/list"), { headers, bearer }),
      await p.post(request(1, "tools/list"), { headers, project: "q" }),
      await p.post(request(1, "tools/list"), { headers: unknown }),
    ];
    for (const { status, body } of answers)
      expect({ status, body }).toEqual({ status: 404, body: answers[2]!.body });
    expect((await p.post(request(1, "tools/list"), { headers })).body.result.tools).toHaveLength(3);
  });

  it("is not there for whoever acts as its user, or got a new bearer of its token (T160, T266)", async () => {
    const p = await project();
    const alice = await p.user("alice", [
      { role: "run", resource: "projects" },
      { role: "create", resource: "tokens" },
    ]);
    const list = request(1, "tools/list");
    const begun = await p.session({ bearer: alice.bearer });
    const acting = await must(p.admin("POST", "/api/v1/auth/impersonate", { user: "alice" }));
    for (const headers of [begun, {}])
      expect((await p.post(list, { headers, bearer: acting.body.token })).status).not.toBe(200);
    expect((await p.post(list, { headers: begun, bearer: alice.bearer })).status).toBe(200);

    const roleBindings = [{ role: "run", resource: "projects" }];
    const made = await must(alice.call("POST", "/api/v1/tokens", { name: "hers", roleBindings }));
    const headers = await p.session({ bearer: made.body.token });
    const rotated = await must(p.admin("POST", `/api/v1/tokens/${made.body.id}/rotate`));
    expect((await p.post(list, { headers, bearer: rotated.body.token })).status).toBe(404);
  });

  it("begins with initialize, and with nothing else", async () => {
    const p = await project();
    expect((await p.post(request(1, "tools/list"))).status).toBe(400);
    const headers = await p.session();
    const initialize = request(1, "initialize", { protocolVersion: "2025-11-25", capabilities: {} });
    expect((await p.post(initialize, { headers })).status).toBe(400);
    expect((await p.post([initialize, request(2, "ping")])).status).toBe(400);
    expect((await p.post([])).status).toBe(400);
    expect(
      (await p.post(request(1, "ping"), { headers: { ...headers, "mcp-protocol-version": "1999-01-01" } }))
        .status,
    ).toBe(400);
    const known = await p.post(request(1, "initialize", { protocolVersion: "2025-03-26", capabilities: {} }));
    expect(known.body.result.protocolVersion).toBe("2025-03-26");
    const future = await p.post(
      request(1, "initialize", { protocolVersion: "2031-01-01", capabilities: {} }),
    );
    expect(future.body.result.protocolVersion).toBe("2025-11-25");
  });

  it("answers a batch of requests with a list", async () => {
    const p = await project();
    const headers = await p.session({ revision: "2025-03-26" });
    const notification = { jsonrpc: "2.0", method: "notifications/initialized" };
    const { body } = await p.post([request("a", "ping"), notification, call("b", "quick")], { headers });
    expect(body).toHaveLength(2);
    expect(body.map(({ id }: { id: string }) => id).sort()).toEqual(["a", "b"]);
    expect((await p.post([notification], { headers })).status).toBe(202);
  });

  it("tells progress with the client's own token, and each call has the id of its own HTTP request in the audit log", async () => {
    const p = await project();
    const headers = await p.session();
    const first = p.post(call(1, "wait", { _meta: { progressToken: "mine" } }), { headers });
    await p.upstream.started;
    const quick = await p.post(call(2, "quick"), { headers });
    p.upstream.go();
    const messages = messagesOf(await first);
    expect(messages[0]).toMatchObject({
      method: "notifications/progress",
      params: { progressToken: "mine" },
    });
    expect(messages[1]).toMatchObject({ id: 1, result: said("waited") });
    expect(p.upstream.of("tools/call")[0]!.params._meta.progressToken).not.toBe("mine");
    const [later, earlier] = await p.audited();
    expect(later.requestId).toBe((await first).headers.get("x-request-id"));
    expect(earlier.requestId).toBe(quick.headers.get("x-request-id"));
    expect(later.detail).toMatchObject({ project: "p", server: "s", tool: "wait" });
    expect(later.detail.bytesOut).toBe(JSON.stringify(said("waited")).length);
  });

  it("cancels a call upstream when the client cancels it, and answers nothing", async () => {
    const p = await project();
    const headers = await p.session();
    const answer = p.post(call(7, "wait"), { headers });
    const signal = await p.upstream.started;
    const cancelled = new Promise((resolve) => signal.addEventListener("abort", resolve));
    await p.post(
      { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } },
      { headers },
    );
    await cancelled;
    expect((await answer).status).toBe(202);
    expect((await p.audited())[0]).toMatchObject({ status: 499, detail: { tool: "wait" } });
  });

  it("cancels a call upstream when the client leaves", async () => {
    const p = await project();
    const headers = await p.session();
    const leaving = new AbortController();
    const answer = fetch(p.endpoint, {
      method: "POST",
      headers: {
        ...headers,
        authorization: `Bearer ${p.bearer}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: JSON.stringify(call(7, "wait")),
      signal: leaving.signal,
    }).catch(() => undefined);
    const signal = await p.upstream.started;
    const cancelled = new Promise((resolve) => signal.addEventListener("abort", resolve));
    leaving.abort();
    await Promise.all([cancelled, answer]);
  });

  it("refuses a second request of an id while the first is under way, and mixes up no answers", async () => {
    const p = await project();
    const headers = await p.session();
    const first = p.post(call(1, "wait"), { headers });
    await p.upstream.started;
    const second = await p.post(call(1, "quick"), { headers });
    expect(second.body).toMatchObject({ id: 1, error: { code: -32600 } });
    p.upstream.go();
    expect(messagesOf(await first).at(-1).result).toEqual(said("waited"));
    expect((await p.post(call(1, "quick"), { headers })).body.result).toEqual(said("quick"));
  });

  it("passes over answers to questions that nobody asked (T161)", async () => {
    const p = await project();
    const headers = await p.session();
    for (const id of ["mcpctl-1", 1, "x".repeat(1000)])
      expect((await p.post({ jsonrpc: "2.0", id, result: { roots: [] } }, { headers })).status).toBe(202);
    expect((await p.post(request(1, "ping"), { headers })).status).toBe(200);
  });

  it("sends log messages from the level on that the client has set", async () => {
    const p = await project();
    const headers = await p.session();
    const levels = async (id: number) =>
      messagesOf(await p.post(call(id, "log"), { headers })).flatMap(({ params }) =>
        params ? [params.level] : [],
      );
    expect(await levels(1)).toEqual(["debug", "error"]);
    expect(
      (await p.post(request(2, "logging/setLevel", { level: "warning" }), { headers })).body.result,
    ).toEqual({});
    expect(await levels(3)).toEqual(["error"]);
    const wrong = await p.post(request(4, "logging/setLevel", { level: "loud" }), { headers });
    expect(wrong.body.error.code).toBe(-32602);
  });

  it("has no methods of the modern era, and the modern era has none of its own", async () => {
    const p = await project();
    const headers = await p.session();
    for (const method of ["server/discover", "subscriptions/listen", "tasks/get", "toString", "__proto__"])
      expect((await p.post(request(1, method), { headers })).body.error.code, method).toBe(-32601);
    for (const method of ["ping", "logging/setLevel", "resources/subscribe", "initialize", "constructor"]) {
      const { status, body } = await p.modern(method);
      expect([status, body.error.code], method).toEqual([404, -32601]);
    }
  });
});

describe("the stream of a session", () => {
  it("ends when the token is deleted, and calls under way end too (T162)", async () => {
    const p = await project();
    const { bearer } = await p.token("short", [{ role: "run", resource: "projects" }]);
    const headers = await p.session({ bearer });
    const stream = await fetch(p.endpoint, {
      headers: { ...headers, authorization: `Bearer ${bearer}`, accept: "text/event-stream" },
    });
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    const answer = p.post(call(1, "wait"), { headers, bearer });
    const signal = await p.upstream.started;
    await p.admin("DELETE", "/api/v1/tokens/short");
    expect(await stream.text()).toMatch(/^: keep-alive\n/);
    await answer;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });

  it("is replaced by a new one of the same session", async () => {
    const p = await project();
    const headers = {
      ...(await p.session()),
      authorization: `Bearer ${p.bearer}`,
      accept: "text/event-stream",
    };
    const first = await fetch(p.endpoint, { headers });
    const second = await fetch(p.endpoint, { headers });
    await first.text();
    await p.as(p.bearer)("DELETE", "/projects/p/mcp", undefined, headers);
    await second.text();
  });
});
