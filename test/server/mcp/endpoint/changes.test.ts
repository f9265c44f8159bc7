import { describe, expect, it } from "vitest";
import { scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { type TestProject, testProject } from "../../../support/mcp/project.ts";

/** A stream of messages as it comes. */
interface Live {
  messages: { method?: string; id?: unknown; params?: Record<string, never>; result?: object }[];
  /** Returns when there is a message of a method. */
  until(method: string): Promise<void>;
  ended: Promise<void>;
  close(): void;
}

function server(resources: string[] = [], names: string[] = ["a"]) {
  return scriptedMcp("legacy", {
    "tools/list": () => ({ tools: names.map((name) => tool(name)) }),
    "resources/list": () => ({ resources: resources.map((uri) => ({ uri, name: uri })) }),
    "resources/subscribe": () => ({}),
    "resources/unsubscribe": () => ({}),
  });
}

async function live(response: Promise<Response>): Promise<Live> {
  const { body } = await response;
  const messages: Live["messages"] = [];
  const waiting = new Set<() => void>();
  const reader = body!
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  const ended = (async () => {
    let text = "";
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ value: undefined, done: true }));
      if (done) return;
      text += value;
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
        const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
        text = text.slice(end + 2);
        if (data === undefined) continue;
        messages.push(JSON.parse(data));
        for (const check of waiting) check();
      }
    }
  })();
  return {
    messages,
    ended,
    close: () => void reader.cancel(),
    until: (method) =>
      new Promise((resolve) => {
        const check = () => {
          if (messages.some((one) => one.method === method)) resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

async function sessionStream(p: TestProject, bearer = p.bearer) {
  const session = await p.session({ bearer });
  const headers = { ...session, authorization: `Bearer ${bearer}`, accept: "text/event-stream" };
  return { session, stream: await live(fetch(p.endpoint, { headers })) };
}

function listen(p: TestProject, notifications: object): Promise<Live> {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return live(
    fetch(p.endpoint, {
      method: "POST",
      headers: {
        authorization: `Bearer ${p.bearer}`,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "subscriptions/listen",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: "sub",
        method: "subscriptions/listen",
        params: { notifications, _meta: meta },
      }),
    }),
  );
}

const tag = { _meta: { "io.modelcontextprotocol/subscriptionId": "sub" } };

async function change(p: TestProject, path: string, fields: object): Promise<void> {
  const { body } = await p.admin("GET", `/api/v1/${path}`);
  const { status, text } = await p.admin("PUT", `/api/v1/${path}`, { ...body, ...fields });
  if (status !== 200) throw new Error(text);
}

describe("a change of what a project offers", () => {
  it("is told to sessions and subscriptions, and only the lists that changed", async () => {
    const p = await testProject();
    const { stream } = await sessionStream(p);
    const all = await listen(p, {
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
    });
    const other = await listen(p, { promptsListChanged: true });
    await all.until("notifications/subscriptions/acknowledged");
    await p.attach("s", server().url);
    await stream.until("notifications/tools/list_changed");
    await all.until("notifications/tools/list_changed");
    expect(all.messages).toEqual([
      {
        jsonrpc: "2.0",
        method: "notifications/subscriptions/acknowledged",
        params: {
          notifications: { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
          ...tag,
        },
      },
      { jsonrpc: "2.0", method: "notifications/tools/list_changed", params: tag },
    ]);
    // A rule, then the end of the attachment.
    await change(p, "servers/s", { tools: { deny: ["a"] } });
    while (stream.messages.length < 2) await Bun.sleep(10);
    expect(stream.messages.map(({ method }) => method)).toEqual(
      Array(2).fill("notifications/tools/list_changed"),
    );
    expect(other.messages).toHaveLength(1);
  });

  it("is not told where nothing changes for the client: another project, a description, a change that is undone at once (failure mode 130)", async () => {
    const p = await testProject();
    await p.attach("s", server().url);
    await p.admin("POST", "/api/v1/projects", { name: "q" });
    const { stream } = await sessionStream(p);
    await change(p, "projects/q", { servers: ["s"] });
    await change(p, "servers/s", { description: "better" });
    await change(p, "servers/s", { tools: { deny: ["a"] } });
    await change(p, "servers/s", { tools: undefined });
    // This one is told, so that everything before it would have been.
    await Bun.sleep(300);
    await change(p, "servers/s", { tools: { deny: ["*"] } });
    await stream.until("notifications/tools/list_changed");
    expect(stream.messages).toHaveLength(1);
  });

  it("ends streams of those who may not run the project any more, and of a deleted project", async () => {
    const p = await testProject();
    const { bearer } = await p.user("ann", [{ role: "run", resource: "projects", name: "p" }]);
    const ann = await sessionStream(p, bearer);
    const { stream } = await sessionStream(p);
    const subscription = await listen(p, { toolsListChanged: true });
    await subscription.until("notifications/subscriptions/acknowledged");
    await p.admin("DELETE", "/api/v1/rbac/of-ann");
    await ann.stream.ended;
    await p.admin("DELETE", "/api/v1/projects/p");
    await Promise.all([stream.ended, subscription.ended]);
    expect(subscription.messages.at(-1)).toMatchObject({ id: "sub", result: { resultType: "complete" } });
  });
});

describe("a resource", () => {
  it("is followed at its server once for all clients, whose updates are told to those who follow it", async () => {
    const upstream = server(["test://a", "test://b"]);
    const p = await testProject();
    await p.attach("s", upstream.url);
    const one = await sessionStream(p);
    const two = await sessionStream(p);
    const subscribe = (session: Record<string, string>, method: string, uri = "test://a") =>
      p.post({ jsonrpc: "2.0", id: 1, method: `resources/${method}`, params: { uri } }, { headers: session });
    expect((await subscribe(one.session, "subscribe")).body.result).toEqual({});
    const modern = await listen(p, { resourceSubscriptions: ["test://a", "test://none"] });
    await modern.until("notifications/subscriptions/acknowledged");
    expect(modern.messages[0]!.params).toMatchObject({
      notifications: { resourceSubscriptions: ["test://a"] },
    });
    expect(upstream.of("resources/subscribe")).toHaveLength(1);
    upstream.broadcast("notifications/resources/updated", { uri: "test://a/part" });
    upstream.broadcast("notifications/resources/updated", { uri: "test://ab" });
    upstream.broadcast("notifications/resources/updated", { uri: "test://a" });
    while (modern.messages.length < 3) await Bun.sleep(10);
    expect(modern.messages.slice(1).map(({ params }) => params!["uri"])).toEqual([
      "test://a/part",
      "test://a",
    ]);
    expect(one.stream.messages.map(({ params }) => params!["uri"])).toEqual(["test://a/part", "test://a"]);
    expect(two.stream.messages).toEqual([]);
    await subscribe(one.session, "unsubscribe");
    expect(upstream.of("resources/unsubscribe")).toEqual([]);
    modern.close();
    while (upstream.of("resources/unsubscribe").length === 0) await Bun.sleep(10);
    expect((await subscribe(two.session, "subscribe", "test://none")).body.error.code).toBe(-32602);
  });
});

it("a resource of a modern server is followed on the stream of its changes, also for a legacy client", async () => {
  const upstream = scriptedMcp(
    "modern",
    {
      "resources/list": () => ({
        resources: [{ uri: "test://a", name: "a" }],
        ttlMs: 0,
        cacheScope: "private",
      }),
      "subscriptions/listen": ({ params, notify, signal }) => {
        notify("notifications/subscriptions/acknowledged", { notifications: params.notifications });
        if (params.notifications.resourceSubscriptions)
          notify("notifications/resources/updated", { uri: "test://a" });
        return new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    },
    { capabilities: { tools: { listChanged: true }, resources: { subscribe: true } } as never },
  );
  const p = await testProject();
  await p.attach("s", upstream.url);
  const { session, stream } = await sessionStream(p);
  const subscribe = { jsonrpc: "2.0", id: 1, method: "resources/subscribe", params: { uri: "test://a" } };
  expect((await p.post(subscribe, { headers: session })).body.result).toEqual({});
  await stream.until("notifications/resources/updated");
  expect(stream.messages).toEqual([
    { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "test://a" } },
  ]);
  expect(upstream.of("subscriptions/listen").map(({ params }) => params.notifications)).toEqual([
    { toolsListChanged: true },
    { toolsListChanged: true, resourceSubscriptions: ["test://a"] },
  ]);
  expect(upstream.of("resources/subscribe")).toEqual([]);
});

describe("streams that do not end by themselves", () => {
  it("are bounded for each user (T170)", async () => {
    const p = await testProject({ quotas: { streams: 2 } });
    const { bearer } = await p.user("ann", [{ role: "run", resource: "projects", name: "p" }]);
    await sessionStream(p, bearer);
    const second = await sessionStream(p, bearer);
    const headers = {
      ...(await p.session({ bearer })),
      authorization: `Bearer ${bearer}`,
      accept: "text/event-stream",
    };
    const refused = await fetch(p.endpoint, { headers });
    expect(refused.status).toBe(429);
    second.stream.close();
    while ((await fetch(p.endpoint, { headers })).status !== 200) await Bun.sleep(20);
  });

  it("get a comment now and then, and end in order when the server stops", async () => {
    const p = await testProject();
    const { stream } = await sessionStream(p);
    const subscription = await listen(p, { toolsListChanged: true });
    await subscription.until("notifications/subscriptions/acknowledged");
    await p.stop();
    await Promise.all([stream.ended, subscription.ended]);
    expect(subscription.messages.at(-1)).toMatchObject({ id: "sub", result: { resultType: "complete" } });
  });
});
