import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { ForwardedClients } from "../../../src/server/cluster/forwarded-clients.ts";
import { InstanceMoved, LinkLost } from "../../../src/server/cluster/link-messages.ts";
import type { NodeLink } from "../../../src/server/cluster/node-link.ts";
import { nobody } from "../../../src/server/core/access/policy.ts";
import type { ClusterNode } from "../../../src/server/core/store/cluster-store.ts";
import type { EndpointRequest } from "../../../src/server/mcp/endpoint/endpoint-types.ts";
import { said, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { nodes } from "./nodes.ts";

const mayRun = [{ role: "run", resource: "projects" }];
const form = { mode: "form", message: "Your name?", requestedSchema: { type: "object", properties: {} } };
const uri = "test://modern";

type Upstream = ReturnType<typeof scriptedMcp>;

/** An MCP server that asks, counts, tells of changes and waits. */
function upstreamOf(era: "legacy" | "modern") {
  const following: { notify(method: string, params: object): void }[] = [];
  const upstream: Upstream = scriptedMcp(
    era,
    {
      "tools/list": () => ({
        tools: [tool("greet"), tool("steps"), tool("wait")],
        ttlMs: 0,
        cacheScope: "private",
      }),
      "resources/list": () => ({
        resources: [{ uri: `test://${era}`, name: "a" }],
        ttlMs: 0,
        cacheScope: "private",
      }),
      "subscriptions/listen": (call) => {
        following.push(call);
        return new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      },
      "tools/call": async ({ params, ask, notify, signal }) => {
        if (params.name === "steps") {
          for (const progress of [1, 2, 3])
            notify("notifications/progress", { progressToken: params._meta.progressToken, progress });
          return { resultType: "complete", ...said("counted") };
        }
        if (params.name === "wait")
          return new Promise((resolve) => signal.addEventListener("abort", resolve));
        if (era === "legacy") return said(`hello ${(await ask("elicitation/create", form)).content?.name}`);
        const answer = params.inputResponses?.who;
        if (answer && params.requestState === "state 1")
          return { resultType: "complete", ...said(`hello ${answer.content.name}`) };
        const who = { method: "elicitation/create", params: form };
        return { resultType: "input_required", inputRequests: { who }, requestState: "state 1" };
      },
    },
    { capabilities: { tools: {}, resources: { subscribe: true } } as never },
  );
  return { upstream, following };
}

/** Two nodes behind an address that gives each request to the other one of them than the one before. */
async function balanced() {
  const { nodes: started } = await nodes(["a", "b"]);
  const [a, b] = started as [McpTestServer, McpTestServer];
  const [legacy, modern] = [upstreamOf("legacy"), upstreamOf("modern")];
  await a.attach("legacy", { url: legacy.upstream.url });
  await a.attach("modern", { url: modern.upstream.url });
  for (const node of [a, b])
    await until(
      () => node.tools().catch(() => [] as string[]),
      (tools) => tools.length === 6,
    );
  const { bearer } = await a.token("client", mayRun);
  await until(
    () => b.as(bearer)("GET", "/api/v1/auth/whoami"),
    ({ status }) => status === 200,
  );
  const used: string[] = [];
  const front = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch(request) {
      const node = used.length % 2 === 0 ? a : b;
      used.push(`${request.method} ${node === a ? "a" : "b"}`);
      const { pathname } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.delete("host");
      const { method, signal, body } = request;
      return fetch(`${node.url}${pathname}`, { method, headers, signal, ...(body && { body }) });
    },
  });
  onTestFinished(() => front.stop(true));
  const endpoint = new URL(`http://127.0.0.1:${front.port}/projects/p/mcp`);
  const connect = async (mode: "legacy" | "modern") => {
    const client = new Client(
      { name: "test", version: "1" },
      {
        capabilities: { elicitation: { form: {} } },
        versionNegotiation: { mode: mode === "modern" ? { pin: "2026-07-28" } : "legacy" },
      },
    );
    client.setRequestHandler("elicitation/create", async () => ({
      action: "accept",
      content: { name: "Ada" },
    }));
    const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
    await client.connect(new StreamableHTTPClientTransport(endpoint, { requestInit }));
    onTestFinished(() => client.close());
    return client;
  };
  return { a, b, bearer, upstreams: { legacy, modern }, used, connect };
}

describe("a client of two nodes behind a balancer that sends each request to another node", () => {
  it("answers servers, and gets progress and its cancellation through, in all four pairs of eras (failure mode 221)", async () => {
    const { upstreams, used, connect } = await balanced();
    for (const era of ["legacy", "modern"] as const) {
      const client = await connect(era);
      for (const server of ["legacy", "modern"] as const) {
        const prefix = server === "modern" ? "modern_" : "";
        for (let i = 0; i < 3; i++) {
          const { content } = await client.callTool({ name: `${prefix}greet`, arguments: {} });
          expect(content).toEqual([{ type: "text", text: "hello Ada" }]);
        }
        const steps: number[] = [];
        const onprogress = ({ progress }: { progress: number }) => void steps.push(progress);
        await client.callTool({ name: `${prefix}steps`, arguments: {} }, { onprogress });
        expect(steps).toEqual([1, 2, 3]);
        const calls = () =>
          upstreams[server].upstream.of("tools/call").filter(({ params }) => params.name === "wait");
        const before = calls().length;
        const leaving = new AbortController();
        const options = { signal: leaving.signal };
        const waiting = client.callTool({ name: `${prefix}wait`, arguments: {} }, options);
        await until(
          async () => calls().length,
          (count) => count > before,
        );
        leaving.abort();
        await expect(waiting).rejects.toThrow();
        await until(
          async () => calls().at(-1)!.signal.aborted,
          (isAborted) => isAborted,
        );
      }
    }
    for (const node of ["a", "b"]) expect(used).toContain(`POST ${node}`);
  });

  it("hears on its stream of changed lists and resources, and its session is found from any node by nobody else (T263)", async () => {
    const { a, b, bearer, upstreams, connect } = await balanced();
    const { following } = upstreams.modern;
    const client = await connect("legacy");
    const told: string[] = [];
    client.setNotificationHandler("notifications/tools/list_changed", () => void told.push("tools"));
    client.setNotificationHandler(
      "notifications/resources/updated",
      ({ params }) => void told.push(params.uri),
    );
    await client.subscribeResource({ uri });
    await until(
      async () => following.length,
      (count) => count > 0,
    );
    for (const one of following) one.notify("notifications/resources/updated", { uri });
    await until(
      async () => told,
      (all) => all.includes(uri),
    );
    const row = await a.row("modern");
    await must(a.admin("PUT", "/api/v1/servers/modern", { ...row, tools: { deny: ["wait"] } }));
    await until(
      async () => told,
      (all) => all.includes("tools"),
    );
    const transport = client.transport as StreamableHTTPClientTransport;
    const sessionId = transport.sessionId!;
    const { bearer: other } = await a.token("other", mayRun);
    await until(
      () => b.as(other)("GET", "/api/v1/auth/whoami"),
      ({ status }) => status === 200,
    );
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    const statuses = async (as: string, id: string) => {
      const headers = { accept: "application/json, text/event-stream", "mcp-session-id": id };
      const answers = [a, b].map((node) => node.as(as)("POST", "/projects/p/mcp", ping, headers));
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    expect(await statuses(bearer, sessionId)).toEqual([200, 200]);
    expect(await statuses(other, sessionId)).toEqual([404, 404]);
    // Another node that is named has no such session, and asks no further.
    const random = sessionId.slice(0, sessionId.lastIndexOf("."));
    expect(await statuses(bearer, `${random}.unknown`)).toEqual([404, 404]);
    expect(await statuses(bearer, random)).toEqual([404, 404]);
    // A node that has ended has none, either, so that clients begin again.
    const again = await connect("legacy");
    const { sessionId: left } = again.transport as StreamableHTTPClientTransport;
    await transport.terminateSession();
    expect(await statuses(bearer, sessionId)).toEqual([404, 404]);
    const isAtA = (await a.admin("GET", "/api/v1/projects/p/sessions")).body.length > 0;
    const [its, stays] = isAtA ? [a, b] : [b, a];
    await its.stop();
    const headers = { accept: "application/json, text/event-stream", "mcp-session-id": left! };
    expect((await stays.as(bearer)("POST", "/projects/p/mcp", ping, headers)).status).toBe(404);
  });
});

describe("a request that is handed on", () => {
  const request = (signal?: AbortSignal) => ({
    request: new Request("http://x/projects/p/mcp", {
      method: "POST",
      headers: {
        authorization: "Bearer mcpctl_secret",
        cookie: "a=b",
        accept: "*/*",
        "mcp-session-id": "s.b",
      },
      ...(signal && { signal }),
    }),
    requestId: "r",
    principal: { ...nobody, id: "t", bearer: "hash" },
    project: { id: "p" } as EndpointRequest["project"],
    text: "{}",
    onLastBytes: () => undefined,
  });
  const forwards = (ask: NodeLink["request"]) =>
    new ForwardedClients(
      "a",
      { id: "nod_a", nodes: new Map(["a", "b"].map((name) => [`nod_${name}`, node(name)])) },
      { to: () => ({ request: ask }) as NodeLink },
    );
  const node = (name: string): ClusterNode =>
    ({ id: `nod_${name}`, name, url: "", key: "", beat: 1 }) as never;
  const labelOf = (name: string) =>
    new ForwardedClients(name, { id: "", nodes: new Map() }, undefined as never).own;

  it("has no bearer, no cookie and no rights in it (T263)", async () => {
    const sent: unknown[] = [];
    const response = await forwards(async (asked, { onEvent } = {}) => {
      sent.push(asked);
      onEvent!({ head: { status: 200, headers: [["x-a", "1"]], hasBody: true } });
      onEvent!({ body: "größer" });
      return {};
    }).forward(labelOf("b"), request());
    expect([response!.status, response!.headers.get("x-a"), await response!.text()]).toEqual([
      200,
      "1",
      "größer",
    ]);
    const text = JSON.stringify(sent);
    expect(text).toContain("s.b");
    for (const secret of ["mcpctl_secret", "a=b", "policies"]) expect(text).not.toContain(secret);
  });

  it("is answered here if it did not get there, and is an error if the answer was lost", async () => {
    for (const error of [new LinkLost(true), new InstanceMoved()])
      expect(await forwards(() => Promise.reject(error)).forward(labelOf("b"), request())).toBeUndefined();
    expect(
      await forwards(() => Promise.reject(new Error("unused"))).forward(labelOf("c"), request()),
    ).toBeUndefined();
    await expect(
      forwards(() => Promise.reject(new LinkLost(false))).forward(labelOf("b"), request()),
    ).rejects.toThrow("the server b, where the session is, has gone away");
  });
});
