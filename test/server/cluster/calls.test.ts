import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { type ScriptedCall, scriptedMcp, tool } from "../../support/mcp/http-server.ts";
import { type McpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { connectedClient, nodes, startsIn } from "./nodes.ts";

const mayRun = [{ role: "run", resource: "projects" }];

/** Two nodes with one server, whose only instance runs on the first. */
async function two(spec: Record<string, unknown> = {}) {
  const started = await nodes(["a", "b"]);
  const [a, b] = started.nodes as [McpTestServer, McpTestServer];
  const files = await a.define("files", spec);
  for (const node of [a, b]) await knows(node, "count");
  return { a, b, files };
}

/** Returns when a node has heard of a tool. */
async function knows(node: McpTestServer, name: string): Promise<void> {
  await until(
    () => node.tools().catch(() => [] as string[]),
    (tools) => tools.includes(name),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: a row as the API shows it
const runs = ({ status }: any) => status === "running" || status === "idle";

describe("an MCP server of two nodes", () => {
  it("runs once: calls at the other node reach the same process", async () => {
    const { a, b, files } = await two();
    expect(await a.call("count")).toEqual({ text: "1" });
    expect(await b.call("count")).toEqual({ text: "2" });
    expect(await a.call("count")).toEqual({ text: "3" });
    expect(files.count("start ")).toBe(1);
    const rows = await until(b.instances, (some) => some.length === 1 && runs(some[0]));
    expect(rows[0]).toMatchObject({ name: "files-1", node: expect.stringMatching(/^[ab]$/) });
    // Errors of the tool and of the protocol are those that the node itself gives.
    const [here, there] = [await a.call("crash"), await b.call("crash")];
    // The last line of a program may be read too late for its end.
    const known = ({ error }: typeof here) => [error?.code, error?.message.split("; its last")[0]];
    expect(known(there)).toEqual(known(here));
    expect(there.error?.message).toContain("ended during the call");
  });

  it("gets progress, questions and cancellation of clients at the other node (failure mode 171)", async () => {
    const { a, b, files } = await two();
    const { bearer } = await b.token("client", mayRun);
    const one = await connectedClient(b, bearer, { roots: {} });
    const steps: number[] = [];
    const args = { name: "progress", arguments: { steps: 3, ms: 20 } };
    await one.callTool(args, { onprogress: ({ progress }) => void steps.push(progress) });
    expect(steps).toEqual([1, 2, 3]);
    const asked = await one.callTool({ name: "ask", arguments: { method: "roots/list" } });
    expect(JSON.stringify(asked.content)).toContain("file:///here");
    const refused = await one.callTool({ name: "ask", arguments: { method: "sampling/createMessage" } });
    expect(JSON.stringify(refused.content)).toContain("error");
    const leaving = new AbortController();
    const waiting = one.callTool({ name: "wait", arguments: { text: "x" } }, { signal: leaving.signal });
    await files.until("waiting 1 x");
    leaving.abort();
    await expect(waiting).rejects.toThrow();
    await files.until("cancelled x");
    // A session belongs to the node that began it, and is reached through the other one.
    const session = { "mcp-session-id": (one.transport as StreamableHTTPClientTransport).sessionId! };
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    const headers = { accept: "application/json, text/event-stream", ...session };
    const at = (node: McpTestServer) => node.as(bearer)("POST", "/projects/p/mcp", ping, headers);
    await until(
      () => at(a),
      ({ status }) => status !== 401,
    );
    expect([(await at(a)).status, (await at(b)).status]).toEqual([200, 200]);
  });

  it("takes 16 calls at a time, of both nodes together", async () => {
    const { a, b, files } = await two();
    const calls = [a, b].flatMap((node) => Array.from({ length: 10 }, () => node.call("wait", { text: "" })));
    await files.until("waiting 16");
    expect(files.count("waiting ")).toBe(16);
    files.mark("go");
    await Promise.all(calls);
    expect(files.count("waiting ")).toBe(20);
    const most = files.journal().map((line) => Number(/^waiting (\d+)/.exec(line)?.[1] ?? 0));
    expect(Math.max(...most)).toBe(16);
  });

  it("shows its log at each node, and starts again when its instance is deleted at any (failure mode 172)", async () => {
    const { a, b, files } = await two();
    await a.call("flood", { lines: 2 });
    const logOf = async (path: string) => (await must(b.admin("GET", `/api/v1/${path}/logs`))).text;
    await until(
      () => logOf("servers/files"),
      (text) => text.includes("flood 1"),
    );
    expect(await logOf("instances/files-1")).toContain("flood 1");
    expect((await b.admin("GET", "/api/v1/instances/files-2/logs")).status).toBe(404);
    const [first] = startsIn(files.journal());
    const [{ node }] = await until(b.instances, (rows) => rows.length === 1);
    await must(b.admin("DELETE", "/api/v1/instances/files-1"));
    await files.until("start ", 2);
    await until(a.instances, (rows) => rows.length === 1 && runs(rows[0]));
    expect(files.alive()).not.toContain(first);
    expect(await b.call("count")).toEqual({ text: "1" });
    expect((await a.instances())[0]).toMatchObject({ name: "files-1", node });
  });

  it("spreads its replicas over the nodes, and ends them on all", async () => {
    const { a, b, files } = await two({ replicas: 2 });
    await until(b.instances, (rows) => rows.filter(runs).length === 2);
    const placed = (await b.instances()).map(({ name, node }) => `${name} ${node}`).sort();
    expect(placed.map((one) => one.split(" ")[0])).toEqual(["files-1", "files-2"]);
    expect(new Set(placed.map((one) => one.split(" ")[1]))).toEqual(new Set(["a", "b"]));
    const { body } = await a.admin("GET", "/api/v1/servers/files");
    await must(a.admin("PUT", "/api/v1/servers/files", { ...body, replicas: 0 }));
    await until(a.instances, (rows) => rows.length === 0);
    await until(
      async () => files.alive(),
      (alive) => alive.length === 0,
    );
  });

  it("has one process for a caller, whichever node it uses", async () => {
    const { a, b, files } = await two({ sharing: "principal" });
    const { bearer } = await a.user("alice", mayRun);
    const { bearer: other } = await a.user("bob", mayRun);
    await until(
      () => b.as(other)("GET", "/api/v1/auth/whoami"),
      ({ status }) => status === 200,
    );
    expect(await b.call("count", {}, { as: b.as(bearer) })).toEqual({ text: "1" });
    expect(await a.call("count", {}, { as: a.as(bearer) })).toEqual({ text: "2" });
    expect(await a.call("count", {}, { as: a.as(other) })).toEqual({ text: "1" });
    await until(
      async () => files.alive(),
      (alive) => alive.length === 2,
    );
  });
});

describe("an MCP server at a URL", () => {
  it("that all callers share is reached by each node itself", async () => {
    const upstream = scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [tool("t")] }),
      "tools/call": () => ({ content: [{ type: "text", text: "said" }] }),
    });
    const {
      nodes: [a, b],
    } = await nodes(["a", "b"]);
    await a!.attach("far", { url: upstream.url });
    for (const node of [a!, b!]) await knows(node, "t");
    expect([await a!.call("t"), await b!.call("t")]).toEqual([{ text: "said" }, { text: "said" }]);
    expect(upstream.of("initialize")).toHaveLength(2);
  });

  it("tells changes of resources to followers at the other node, also after its own node has stopped (failure mode 173)", async () => {
    const uri = "test://a";
    const open: ScriptedCall[] = [];
    const upstream = scriptedMcp(
      "modern",
      {
        "resources/list": () => ({ resources: [{ uri, name: "a" }] }),
        "subscriptions/listen": (call) => {
          open.push(call);
          return new Promise((resolve) => call.signal.addEventListener("abort", resolve));
        },
      },
      { capabilities: { tools: {}, resources: { subscribe: true } } as never },
    );
    const {
      nodes: [a, b],
    } = await nodes(["a", "b"]);
    await a!.attach("far", { url: upstream.url, sharing: "principal" });
    const { bearer } = await a!.token("client", mayRun);
    await until(
      () => b!.as(bearer)("GET", "/api/v1/auth/whoami"),
      ({ status }) => status === 200,
    );
    const follow = async (node: McpTestServer) => {
      const told: string[] = [];
      const one = await connectedClient(node, bearer);
      one.setNotificationHandler(
        "notifications/resources/updated",
        ({ params }) => void told.push(params.uri),
      );
      await until(
        () => one.listResources(),
        ({ resources }) => resources.length > 0,
      );
      await one.subscribeResource({ uri });
      return { one, told };
    };
    const here = await follow(a!);
    const there = await follow(b!);
    await until(
      async () => open.length,
      (count) => count > 0,
    );
    open.at(-1)!.notify("notifications/resources/updated", { uri });
    await until(
      async () => here.told.length + there.told.length,
      (count) => count === 2,
    );
    // The one that stays is told still.
    await here.one.unsubscribeResource({ uri });
    open.at(-1)!.notify("notifications/resources/updated", { uri });
    await until(
      async () => there.told.length,
      (count) => count === 2,
    );
    expect(here.told).toEqual([uri]);
    // After the stop the follower's own node takes the instance over and follows again.
    const before = open.length;
    await a!.stop();
    await until(
      async () => open.length,
      (count) => count > before,
    );
    open.at(-1)!.notify("notifications/resources/updated", { uri });
    await until(
      async () => there.told.length,
      (count) => count === 3,
    );
  });
});
