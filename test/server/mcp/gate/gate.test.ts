import { describe, expect, it } from "vitest";
import { gatedProject } from "../../../support/mcp/gated.ts";
import { must } from "../../../support/server.ts";

const gateTools = ["begin_session", "read_prompts", "propose_prompt"];
const servers = ["echo", "fails"];

describe("the gate of a project for a client of a legacy revision", () => {
  it("shows begin_session alone, whose answer has the prompts that matter, and opens then", async () => {
    const p = await gatedProject("gate", { spec: { prompt: "Be brief." } });
    await p.prompt("database", { description: "Migrations and queries" });
    await p.prompt("colours", { description: "The look of pages" });
    await p.prompt("always", { priority: 10 });
    const session = await p.session();
    expect(await p.toolsOf(session)).toEqual(["begin_session"]);
    const [text, ...more] = await p.tool("begin_session", { task: "Write a migration" }, session);
    expect(more).toEqual([]);
    expect(text).toContain("Be brief.");
    expect(text!.indexOf("## always\n\nalways-text")).toBeGreaterThan(0);
    expect(text!.indexOf("## database\n\ndatabase-text")).toBeGreaterThan(text!.indexOf("always-text"));
    expect(text).toContain("- colours: The look of pages");
    expect(text).not.toContain("colours-text");
    expect(await p.toolsOf(session)).toEqual([...gateTools, ...servers]);
    expect(await p.tool("echo", { a: 1 }, session)).toEqual(['echo {"a":1}']);
  });

  it("names the tools that it hides, so that a model knows what is behind it", async () => {
    const p = await gatedProject();
    await p.prompt("style", {});
    const [only, ...more] = (await (await p.client("legacy")).listTools()).tools;
    expect([only!.name, more]).toEqual(["begin_session", []]);
    expect(only!.description).toMatch(/It shows the other tools of the project \(2\): echo, fails\.$/);
  });

  it("tells the client that there are more tools, whether or not it holds a stream", async () => {
    const p = await gatedProject();
    await p.prompt("style", {});
    const told = Promise.withResolvers<void>();
    const client = await p.client("legacy", {
      prepare: (one) =>
        one.setNotificationHandler("notifications/tools/list_changed", () => {
          told.resolve();
        }),
    });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["begin_session"]);
    await client.callTool({ name: "begin_session", arguments: { task: "style" } });
    await told.promise;
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([...gateTools, ...servers]);
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const session = await p.session({ bearer });
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "begin_session" } };
    const { text } = await p.post(call, { bearer, headers: session });
    expect(text).toContain('"method":"notifications/tools/list_changed"');
  });

  it("lets a tool that is called at once do its work, and puts the briefing before its result, once", async () => {
    const p = await gatedProject();
    await p.prompt("echo-rules", {});
    const session = await p.session();
    const [briefing, result, ...more] = await p.tool("echo", { a: 1 }, session);
    expect([briefing, result, more]).toEqual([
      expect.stringContaining("echo-rules-text"),
      'echo {"a":1}',
      [],
    ]);
    expect(await p.tool("echo", {}, session)).toEqual(["echo {}"]);
    expect(await p.toolsOf(session)).toEqual([...gateTools, ...servers]);
  });

  it("stays shut when the call fails", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    const session = await p.session();
    expect(await p.tool("fails", {}, session)).toEqual(["error: it fails"]);
    expect(await p.tool("nothing", {}, session)).toEqual([expect.stringContaining("error: ")]);
    expect(await p.toolsOf(session)).toEqual(["begin_session"]);
    expect((await p.tool("echo", {}, session))[0]).toContain("style-text");
  });

  it("stands open where the project has nothing to say, and where its proxy model says so", async () => {
    const empty = await gatedProject();
    expect(await empty.toolsOf(await empty.session())).toEqual([...gateTools, ...servers]);
    expect(await empty.tool("echo", {}, await empty.session())).toEqual(["echo {}"]);
    for (const name of ["none", "content-pipeline"]) {
      const off = await gatedProject(name);
      await off.prompt("style", { priority: 10 });
      const session = await off.session();
      expect(await off.toolsOf(session)).toEqual(servers);
      expect(await off.tool("echo", {}, session)).toEqual(["echo {}"]);
      expect(await off.tool("begin_session", {}, session)).toEqual([expect.stringContaining("error: ")]);
    }
  });

  it("does not fall back when rules come later", async () => {
    const p = await gatedProject();
    const session = await p.session();
    expect(await p.toolsOf(session)).toHaveLength(5);
    await p.prompt("late", { priority: 10 });
    expect(await p.toolsOf(session)).toHaveLength(5);
    expect(await p.toolsOf(await p.session())).toEqual(["begin_session"]);
  });

  it("with the mode briefing always shows all tools", async () => {
    const p = await gatedProject("none");
    await must(p.admin("POST", "/api/v1/proxymodels", { name: "mine", gate: "briefing" }));
    await must(p.admin("PUT", "/api/v1/projects/p", { proxyModel: "mine" }));
    await p.prompt("style", { priority: 10 });
    const session = await p.session();
    expect(await p.toolsOf(session)).toEqual([...gateTools, ...servers]);
    expect(await p.tool("echo", {}, session)).toEqual([expect.stringContaining("style-text"), "echo {}"]);
  });
});

describe("the gate of a project for a client of the modern revision", () => {
  it("has one list for ever, and briefs with the first real call", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    const client = await p.client("modern");
    const names = async () => (await client.listTools()).tools.map(({ name }) => name);
    expect(await names()).toEqual([...gateTools, ...servers]);
    const call = async () =>
      ((await client.callTool({ name: "echo", arguments: {} })).content as { text: string }[]).map(
        ({ text }) => text,
      );
    expect(await call()).toEqual([expect.stringContaining("style-text"), "echo {}"]);
    expect(await call()).toEqual(["echo {}"]);
    expect(await names()).toEqual([...gateTools, ...servers]);
  });

  it("briefs no more after begin_session, and one of several calls at the same time", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    const parallel = await Promise.all([1, 2, 3].map((a) => p.tool("echo", { a })));
    expect(parallel.map(({ length }) => length).sort()).toEqual([1, 1, 2]);
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const params = (name: string) => ({ name, arguments: {} });
    const begun = await p.modern("tools/call", params("begin_session"), { bearer });
    expect(begun.body.result).toMatchObject({ resultType: "complete" });
    expect(begun.body.result.content[0].text).toContain("style-text");
    expect((await p.modern("tools/call", params("echo"), { bearer })).body.result.content).toHaveLength(1);
  });
});

describe("a result with structured content", () => {
  const options = {
    tools: [{ name: "structured", inputSchema: { type: "object" }, outputSchema: { type: "object" } }],
  };

  it("has the briefing beside it, which some clients do not show: the next result has it, too, and no third", async () => {
    const p = await gatedProject("gate", options);
    await p.prompt("style", { priority: 10 });
    expect(await p.tool("structured")).toEqual([expect.stringContaining("style-text"), "{}"]);
    expect(await p.tool("echo")).toEqual([expect.stringContaining("style-text"), "echo {}"]);
    expect(await p.tool("echo")).toEqual(["echo {}"]);
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const call = async () => {
      const { body } = await p.modern("tools/call", { name: "structured", arguments: {} }, { bearer });
      expect(body.result.structuredContent).toEqual({});
      return body.result.content.length;
    };
    expect([await call(), await call(), await call()]).toEqual([2, 2, 1]);
  });

  it("leaves the briefing to another call of the same time", async () => {
    const p = await gatedProject("gate", options);
    await p.prompt("style", { priority: 10 });
    const [plain, structured] = await Promise.all([p.tool("echo"), p.tool("structured")]);
    expect([plain.length, structured.length]).toEqual([2, 1]);
  });
});

describe("an opened gate", () => {
  it("is remembered for an hour for the token, also by clients that lose their sessions", async () => {
    let elapsed = 0;
    const p = await gatedProject("gate", { options: { elapsed: () => performance.now() + elapsed } });
    await p.prompt("style", { priority: 10 });
    const first = await p.session();
    await p.tool("begin_session", {}, first);
    // A session that is lost: the client begins another one.
    const second = await p.session();
    expect(await p.toolsOf(second)).toHaveLength(5);
    expect(await p.tool("echo", {}, second)).toEqual(["echo {}"]);
    expect(await p.tool("echo")).toEqual(["echo {}"]);
    elapsed = 3_600_001;
    expect(await p.tool("echo")).toEqual([expect.stringContaining("style-text"), "echo {}"]);
  });

  it("is remembered for a token alone: others begin for themselves (T207)", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    await p.tool("begin_session", {}, await p.session());
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const { body } = await p.post(
      { jsonrpc: "2.0", id: 1, method: "tools/list" },
      { bearer, headers: await p.session({ bearer }) },
    );
    expect(body.result.tools).toHaveLength(1);
    await must(p.admin("POST", "/api/v1/projects", { name: "q", proxyModel: "gate", prompt: "Rules." }));
    const other = await p.session({ project: "q" });
    const list = await p.post(
      { jsonrpc: "2.0", id: 1, method: "tools/list" },
      { project: "q", headers: other },
    );
    expect(list.body.result.tools).toHaveLength(1);
  });

  it("is forgotten when its session ends in order", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    const session = await p.session();
    await p.tool("begin_session", {}, session);
    await p.toolsOf(session);
    await p.as(p.bearer)("DELETE", "/projects/p/mcp", undefined, session);
    expect(await p.toolsOf(await p.session())).toEqual(["begin_session"]);
  });

  it("hides nothing from clients that do not list tools again: known ones, and ones that showed it (failure mode 181)", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    const begin = (name: string) => p.session({ clientInfo: { name, version: "1" } });
    const codex = await begin("codex-mcp-client");
    expect(await p.toolsOf(codex)).toHaveLength(5);
    expect(await p.tool("echo", {}, codex)).toEqual([expect.stringContaining("style-text"), "echo {}"]);
    await p.as(p.bearer)("DELETE", "/projects/p/mcp", undefined, codex);
    const first = await begin("deaf");
    expect(await p.toolsOf(first)).toEqual(["begin_session"]);
    await p.tool("begin_session", {}, first);
    await p.as(p.bearer)("DELETE", "/projects/p/mcp", undefined, first);
    expect(await p.toolsOf(await begin("deaf"))).toHaveLength(5);
  });

  it("works behind a proxy that takes the ids of sessions away: at most one call more, and no loop", async () => {
    const p = await gatedProject();
    await p.prompt("style", { priority: 10 });
    const without = { "mcp-protocol-version": (await p.session())["mcp-protocol-version"]! };
    expect(await p.toolsOf(without)).toEqual(["begin_session"]);
    expect((await p.tool("begin_session", {}, without))[0]).toContain("style-text");
    for (let i = 0; i < 3; i++) {
      expect(await p.toolsOf(without)).toHaveLength(5);
      expect(await p.tool("echo", {}, without)).toEqual(["echo {}"]);
    }
    expect((await p.as(p.bearer)("GET", "/projects/p/mcp", undefined, without)).status).toBe(405);
    // A client that never began gets its briefing with one of its first calls.
    const late = await p.token("late", [{ role: "run", resource: "projects" }]);
    await p.session({ bearer: late.bearer, clientInfo: { name: "codex-mcp-client", version: "1" } });
    const calls = await Promise.all(
      [1, 2].map((id) => {
        const params = { name: "echo", arguments: {}, _meta: { progressToken: id } };
        const request = { jsonrpc: "2.0", id, method: "tools/call", params };
        return p.post(request, { bearer: late.bearer, headers: without });
      }),
    );
    expect(calls.map(({ text }) => text.split("style-text").length - 1).sort()).toEqual([0, 1]);
    // Nobody else is let in by that.
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const request = { jsonrpc: "2.0", id: 1, method: "tools/list" };
    expect((await p.post(request, { bearer, headers: without })).status).toBe(400);
  });
});

describe("names", () => {
  it("of the gate's tools are its own: a server's tool of such a name gets a prefix", async () => {
    const p = await gatedProject();
    const { scriptedMcp, tool, said } = await import("../../../support/mcp/http-server.ts");
    const other = scriptedMcp("legacy", {
      "tools/list": () => ({ tools: [tool("begin_session")] }),
      "tools/call": () => said("from the server"),
    });
    await p.attach("rival", other.url);
    const session = await p.session();
    expect(await p.toolsOf(session)).toContain("rival_begin_session");
    expect(await p.tool("rival_begin_session", {}, session)).toEqual(["from the server"]);
    expect((await p.tool("begin_session", {}, session))[0]).toContain("has no rules");
  });
});

describe("instructions of the endpoint", () => {
  it("say what to call first, before the project's prompt", async () => {
    const p = await gatedProject("gate", { spec: { prompt: "Be brief." } });
    const modern = await p.modern("server/discover");
    const client = await p.client("legacy");
    for (const instructions of [modern.body.result.instructions, client.getInstructions()])
      expect(instructions).toMatch(/^Call begin_session first [^\n]*\.\n\nBe brief\.$/);
    await must(p.admin("PUT", "/api/v1/projects/p", { proxyModel: "none" }));
    expect((await p.modern("server/discover")).body.result.instructions).toBe("Be brief.");
  });
});
