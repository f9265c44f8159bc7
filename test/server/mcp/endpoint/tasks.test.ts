import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";

const capabilities = { extensions: { "io.modelcontextprotocol/tasks": {} } };

function working(text = "done") {
  const task = {
    taskId: "t-1",
    status: "working",
    ttlMs: 60_000,
    createdAt: "2026-07-28T00:00:00Z",
    lastUpdatedAt: "2026-07-28T00:00:00Z",
  };
  return scriptedMcp(
    "modern",
    {
      "tools/list": () => ({ tools: [tool("long")], ttlMs: 0, cacheScope: "private" }),
      "tools/call": ({ params }) => {
        const declared = params._meta["io.modelcontextprotocol/clientCapabilities"].extensions;
        return declared ? { resultType: "task", ...task } : { resultType: "complete", ...said("at once") };
      },
      "tasks/get": () => ({ resultType: "complete", ...task, status: "completed", result: said(text) }),
      "tasks/cancel": () => ({ resultType: "complete" }),
    },
    { capabilities: { tools: {}, extensions: { "io.modelcontextprotocol/tasks": {} } } as never },
  );
}

async function project(text?: string, spec: object = {}) {
  const upstream = working(text);
  const p = await testProject({}, spec);
  await p.attach("s", upstream.url);
  return { ...p, upstream };
}

describe("a task of a server", () => {
  it("is followed by an id of its own, which the server never sees", async () => {
    const p = await project();
    const begun = await p.modern("tools/call", { name: "long" }, { capabilities });
    const { taskId, resultType, status } = begun.body.result;
    expect([resultType, status]).toEqual(["task", "working"]);
    expect(taskId).not.toContain("t-1");
    const { body } = await p.modern("tasks/get", { taskId }, { capabilities });
    expect(body.result).toMatchObject({ taskId, status: "completed", result: said("done") });
    expect(p.upstream.of("tasks/get")[0]!.params.taskId).toBe("t-1");
    expect(p.upstream.of("tasks/get")[0]!.headers.get("mcp-name")).toBe("t-1");
    expect((await p.modern("tasks/cancel", { taskId }, { capabilities })).body.result).toEqual({
      resultType: "complete",
    });
  });

  it("is not there for others, nor with an invented id, nor when its server is detached (T163)", async () => {
    const p = await project();
    const { body } = await p.modern("tools/call", { name: "long" }, { capabilities });
    const { taskId } = body.result;
    const { bearer } = await p.token("other", [{ role: "run", resource: "projects" }]);
    const answers = [
      await p.modern("tasks/get", { taskId }, { capabilities, bearer }),
      await p.modern("tasks/get", { taskId: "t-1" }, { capabilities }),
      await p.modern("tasks/cancel", { taskId: `${taskId}A` }, { capabilities }),
    ];
    const row = (await p.admin("GET", "/api/v1/projects/p")).body;
    await p.admin("PUT", "/api/v1/projects/p", { ...row, servers: [] });
    answers.push(await p.modern("tasks/get", { taskId }, { capabilities }));
    for (const { body } of answers)
      expect(body.error).toEqual({ code: -32602, message: "there is no such task" });
    expect(p.upstream.of("tasks/get")).toEqual([]);
  });

  it("is not there for whoever acts as its user (T163, T266)", async () => {
    const p = await project();
    const alice = await p.user("alice", [{ role: "run", resource: "projects" }]);
    const { body } = await p.modern("tools/call", { name: "long" }, { capabilities, bearer: alice.bearer });
    const { taskId } = body.result;
    const acting = (await must(p.admin("POST", "/api/v1/auth/impersonate", { user: "alice" }))).body.token;
    const get = (bearer: string) => p.modern("tasks/get", { taskId }, { capabilities, bearer });
    expect((await get(acting)).body.error).toEqual({ code: -32602, message: "there is no such task" });
    expect((await get(alice.bearer)).body.result).toMatchObject({ taskId });
  });

  it("is not made for a client that does not declare the extension, which may not ask for tasks either", async () => {
    const p = await project();
    const { body } = await p.modern("tools/call", { name: "long" });
    expect(body.result).toMatchObject({ resultType: "complete", ...said("at once") });
    const refused = await p.modern("tasks/get", { taskId: "x" });
    expect([refused.status, refused.body.error.code]).toEqual([400, -32021]);
    const headers = await p.session({ capabilities });
    const legacy = await p.post(
      { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "long" } },
      { headers },
    );
    expect(legacy.body.result).toEqual(said("at once"));
  });

  it("has a result that is cut as that of its tool, and read on by the tool's arguments", async () => {
    const rows = Array.from({ length: 900 }, (_, id) => ({ id, name: `row ${id}` }));
    const p = await project(JSON.stringify(rows), { proxyModel: "content-pipeline" });
    const begun = await p.modern("tools/call", { name: "long" }, { capabilities });
    const { taskId } = begun.body.result;
    const { body } = await p.modern("tasks/get", { taskId }, { capabilities });
    const [first, notice] = body.result.result.content;
    expect(first.text.length).toBeLessThan(9000);
    expect(notice.text).toMatch(/call long with \{"_resultId":"[0-9a-f]+","_page":2\}/);
    const [, given] = /call long with (\{.*?\})/.exec(notice.text)!;
    const next = await p.modern("tools/call", { name: "long", arguments: JSON.parse(given!) });
    expect(JSON.parse(`[${next.body.result.content[0].text.replace(/[,\]]$/, "")}]`)[0].id).toBeGreaterThan(
      100,
    );
    expect(p.upstream.of("tools/call")).toHaveLength(1);
  });

  it("has no result with what the project hides (T232)", async () => {
    const p = await project("the key is sk-12345 and no other");
    const stages = [{ type: "redact", patterns: ["sk-[0-9]+"] }];
    await must(p.admin("POST", "/api/v1/proxymodels", { name: "hiding", stages }));
    await must(p.admin("PUT", "/api/v1/projects/p", { proxyModel: "hiding" }));
    const begun = await p.modern("tools/call", { name: "long" }, { capabilities });
    const { body } = await p.modern("tasks/get", { taskId: begun.body.result.taskId }, { capabilities });
    expect(JSON.stringify(body)).not.toContain("sk-12345");
    expect(body.result.result.content[0].text).toMatch(/^the key is .* and no other$/);
  });
});
