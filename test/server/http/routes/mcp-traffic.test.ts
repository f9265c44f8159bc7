import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { type TestProject, testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";
import { type Watch, watchKind } from "../../../support/watch.ts";

const key = "tk-4711 very/secret+value";

/** An MCP server that returns what it was sent, and asks whom it may. */
function echo() {
  return scriptedMcp("legacy", {
    "tools/list": () => ({ tools: [tool("echo"), tool("ask"), tool("log"), tool("fail")] }),
    "tools/call": async ({ params, ask, notify }) => {
      if (params.name === "fail") throw { code: -32_001, message: "it fails" };
      if (params.name === "log") notify("notifications/message", { level: "info", data: "hello" });
      if (params.name === "ask")
        return said(
          JSON.stringify(
            await ask("elicitation/create", {
              message: "who?",
              requestedSchema: { type: "object", properties: {} },
            }),
          ),
        );
      return said(JSON.stringify(params.arguments));
    },
  });
}

async function project(traffic?: string, more: object = {}): Promise<TestProject & { editor: string }> {
  const p = await testProject({}, { proxyModel: "none", ...(traffic && { traffic }) });
  await p.attach("s", echo().url, more);
  const { bearer } = await p.token("editor", [{ role: "edit", resource: "projects", name: "p" }]);
  return { ...p, editor: bearer };
}

const follow = (p: TestProject & { editor: string }, query = "", bearer = p.editor): Promise<Watch> =>
  watchKind(p, bearer, "projects/p/traffic", query);

/** The next messages, without other events. */
async function messages(watch: Watch, count: number) {
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any field
  const found: any[] = [];
  while (found.length < count) {
    const event = await watch.next();
    if (!event) throw new Error(`the stream ended after ${found.length} messages`);
    if (event.type === "message") found.push(event.data);
  }
  return found;
}

async function setTraffic(p: TestProject, traffic: string): Promise<void> {
  const { body } = await must(p.admin("GET", "/api/v1/projects/p"));
  await must(p.admin("PUT", "/api/v1/projects/p", { ...body, traffic }));
}

describe("GET /api/v1/projects/NAME/traffic", () => {
  it("streams messages of both eras with who sent them, their size and the time of answers, and no bodies", async () => {
    const p = await project("metadata");
    const client = await p.client("legacy");
    await client.callTool({ name: "echo", arguments: { text: "private words" } });
    const modern = await p.client("modern");
    await expect(modern.callTool({ name: "fail" })).rejects.toThrow("it fails");
    const watch = await follow(p, "&tail=1000");
    expect(await watch.next()).toMatchObject({
      type: "state",
      data: { traffic: "metadata", severalNodes: false, node: expect.any(String) },
    });
    const all = await messages(watch, 9);
    const lines = all.map(({ from, type, method, subject }) =>
      [from, type, method, subject].join(" ").trim(),
    );
    expect(lines).toEqual([
      "client request initialize",
      "server response initialize",
      "client notification notifications/initialized",
      "client request tools/call echo",
      "server response tools/call echo",
      "client request server/discover",
      "server response server/discover",
      "client request tools/call fail",
      "server error tools/call fail",
    ]);
    const [request, answer] = all.slice(3);
    expect(request).toMatchObject({
      user: "admin",
      token: "client",
      session: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
    expect(request.bytes).toBeGreaterThan(50);
    expect(answer).toMatchObject({ durationMs: expect.any(Number), id: request.id });
    expect(all[0]).toMatchObject({ client: "test 1" });
    expect(all.at(-1)).toMatchObject({ client: "test 1" });
    expect(JSON.stringify(all)).not.toContain("private words");
    expect(JSON.stringify(all)).not.toContain('"body"');
    await watch.leave();
  });

  it("goes on after a given message, also for one who comes again", async () => {
    const p = await project("metadata");
    await p.modern("tools/list");
    const watch = await follow(p);
    const [request, answer] = await messages(watch, 2);
    await p.modern("tools/call", { name: "echo" });
    expect((await messages(watch, 1))[0]).toMatchObject({ subject: "echo" });
    await watch.leave();
    const again = await follow(p, `&after=${request.seq}`);
    const later = await messages(again, 3);
    expect(later[0].seq).toBe(answer.seq);
    expect(later.map(({ type }) => type)).toEqual(["response", "request", "response"]);
    await again.leave();
    const none = await follow(p, "&tail=0");
    await p.modern("tools/list");
    expect((await messages(none, 1))[0].method).toBe("tools/list");
    await none.leave();
  });

  it("has bodies with traffic: full, without values of secrets in any form (T221)", async () => {
    const p = await testProject({}, { proxyModel: "none", traffic: "full" });
    await must(p.admin("POST", "/api/v1/secrets", { name: "k", data: { token: key } }));
    const headers = [{ name: "x-key", valueFrom: { secretRef: { name: "k", key: "token" } } }];
    await p.attach("s", echo().url, { headers });
    const { bearer: editor } = await p.token("editor", [{ role: "edit", resource: "projects", name: "p" }]);
    const forms = [
      key,
      JSON.stringify({ key }),
      encodeURIComponent(key),
      Buffer.from(key).toString("base64"),
      ...["u:", "me:", "you:"].map((user) => Buffer.from(`${user}${key}`).toString("base64")),
    ];
    for (const text of forms)
      await p.modern("tools/call", { name: "echo", arguments: { text, other: "kept" } });
    await p.modern("tools/call", { name: "echo", arguments: { text: p.bearer } });
    const watch = await watchKind(p, editor, "projects/p/traffic");
    const all = await messages(watch, 16);
    const text = all.map(({ body }) => body).join("\n");
    for (const form of [...forms, key.slice(8), p.bearer]) expect(text).not.toContain(form);
    expect(text.match(/kept/g)).toHaveLength(14);
    expect(text).toContain("[redacted]");
    expect(JSON.parse(all[0].body)).toMatchObject({ method: "tools/call", params: { name: "echo" } });
    await watch.leave();
  });

  it("records batches, questions with their answers, log messages, and what is no message", async () => {
    const p = await project("full");
    const client = await p.client("legacy", {
      capabilities: { elicitation: {} },
      prepare(one) {
        one.setRequestHandler("elicitation/create", async () => ({ action: "decline" }));
      },
    });
    await client.callTool({ name: "ask" });
    await client.callTool({ name: "log" });
    await p.post("{not json");
    const session = await p.session({ revision: "2025-03-26" });
    const batch = [1, 2].map((id) => ({ jsonrpc: "2.0", id, method: "ping" }));
    await p.post(batch, { headers: session });
    const watch = await follow(p, "&tail=1000");
    const all = await messages(watch, 19);
    const lines = all.map(({ from, type, method }) => [from, type, method].join(" ").trim());
    expect(lines.slice(3, 7)).toEqual([
      "client request tools/call",
      "server request elicitation/create",
      "client response",
      "server response tools/call",
    ]);
    expect(lines).toContain("server notification notifications/message");
    expect(all.find(({ type }) => type === "invalid").body).toBe("{not json");
    expect(all.find(({ status }) => status === 400)).toMatchObject({ type: "error", from: "server" });
    expect(lines.filter((line) => line === "client request ping")).toHaveLength(2);
    expect(lines.filter((line) => line === "server response ping")).toHaveLength(2);
    await watch.leave();
  });

  it("keeps nothing while traffic is off, and forgets what it kept when it is turned off (T220)", async () => {
    const p = await project();
    await p.modern("tools/call", { name: "echo", arguments: { text: "before" } });
    const watch = await follow(p);
    expect((await watch.next())!.data.traffic).toBe("off");
    await setTraffic(p, "full");
    expect((await watch.next())!.data.traffic).toBe("full");
    await p.modern("tools/call", { name: "echo", arguments: { text: "meanwhile" } });
    const [request] = await messages(watch, 2);
    expect(request.body).toContain("meanwhile");
    await setTraffic(p, "metadata");
    expect((await watch.next())!.data.traffic).toBe("metadata");
    const late = await follow(p);
    expect(JSON.stringify(await messages(late, 2))).not.toContain("meanwhile");
    await setTraffic(p, "off");
    expect((await watch.next())!.data.traffic).toBe("off");
    const last = await follow(p);
    await setTraffic(p, "metadata");
    await p.modern("tools/list");
    expect((await messages(last, 1))[0].method).toBe("tools/list");
    for (const one of [watch, late, last]) await one.leave();
  });

  it("needs edit on the project, is audited, and ends when the right ends (T220)", async () => {
    const p = await project("full");
    await must(p.admin("POST", "/api/v1/projects", { name: "other" }));
    let tokens = 0;
    const refused = async (grants: object[]) => {
      const { call } = await p.token(`t${++tokens}`, grants);
      const all = ["traffic", "sessions"].map((path) => call("GET", `/api/v1/projects/p/${path}`));
      return (await Promise.all(all)).map(({ status }) => status);
    };
    expect(await refused([{ role: "view", resource: "*" }])).toEqual([403, 403]);
    expect(await refused([{ role: "run", resource: "projects" }])).toEqual([403, 403]);
    expect(await refused([{ role: "edit", resource: "projects", name: "other" }])).toEqual([403, 403]);
    expect((await p.as()("GET", "/api/v1/projects/p/traffic")).status).toBe(401);
    expect((await p.admin("GET", "/api/v1/projects/missing/traffic")).status).toBe(404);

    const bob = await p.user("bob", [{ role: "edit", resource: "projects", name: "p" }]);
    const watch = await follow(p, "", bob.bearer);
    expect((await watch.next())!.type).toBe("state");
    const events = (await must(p.admin("GET", "/api/v1/audit?action=traffic"))).body;
    expect(events).toMatchObject([{ user: "bob", detail: { kind: "project", name: "p" } }]);
    await must(p.admin("DELETE", "/api/v1/rbac/of-bob"));
    expect(await watch.next()).toBeUndefined();
  });

  it("ends when the project is deleted", async () => {
    const p = await project("metadata");
    const watch = await follow(p);
    expect((await watch.next())!.type).toBe("state");
    await must(p.admin("DELETE", "/api/v1/projects/p"));
    expect(await watch.next()).toBeUndefined();
  });
});

describe("GET /api/v1/projects/NAME/sessions", () => {
  it("lists sessions without an id that opens them (T160)", async () => {
    const p = await project();
    const session = await p.session();
    const { body } = await must(p.as(p.editor)("GET", "/api/v1/projects/p/sessions"));
    expect(body).toEqual([
      {
        session: session["mcp-session-id"]!.slice(0, 8),
        user: "admin",
        token: "client",
        client: "test 1",
        revision: "2025-11-25",
        begunAt: expect.stringMatching(/^\d{4}-/),
        usedAt: expect.stringMatching(/^\d{4}-/),
        requests: 0,
        listening: false,
      },
    ]);
    expect(JSON.stringify(body)).not.toContain(session["mcp-session-id"]);
  });
});
