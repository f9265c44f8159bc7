import { describe, expect, it } from "vitest";
import { said, scriptedMcp, tool } from "../../../support/mcp/http-server.ts";
import { type TestProject, testProject } from "../../../support/mcp/project.ts";
import { must } from "../../../support/server.ts";
import { withTools } from "../../inference/personas/tools/setup.ts";

const listing = { ttlMs: 0, cacheScope: "private" };

/** Attaches the project of a server as an MCP server of the project of another one. */
async function attachProject(to: TestProject, name: string, from: TestProject): Promise<void> {
  await must(to.admin("POST", "/api/v1/secrets", { name, data: { k: `Bearer ${from.bearer}` } }));
  const valueFrom = { secretRef: { name, key: "k" } };
  await to.attach(name, from.endpoint, { headers: [{ name: "Authorization", valueFrom }] });
}

const names = async (project: TestProject): Promise<string[]> =>
  (await project.modern("tools/list")).body.result.tools.map(({ name }: { name: string }) => name);

describe("projects of two servers that have each other as MCP servers (T300)", () => {
  it("end a call of a tool that nobody has after eight programs", async () => {
    const real = scriptedMcp("modern", {
      "tools/list": () => ({ tools: [tool("ping")], ...listing }),
      "tools/call": () => ({ resultType: "complete", ...said("pong") }),
    });
    const [a, b] = [await testProject(), await testProject()];
    await b.attach("real", real.url);
    await attachProject(a, "b", b);
    await attachProject(b, "a", a);
    const { body } = await a.modern("tools/call", { name: "ping" });
    expect(body.result).toMatchObject(said("pong"));
    expect(real.of("tools/call")[0]!.headers.get("x-mcpctl-hops")).toBe("2");
    const row = (await b.admin("GET", "/api/v1/projects/p")).body;
    await must(b.admin("PUT", "/api/v1/projects/p", { ...row, servers: ["a"] }));
    const before = [await a.audited(), await b.audited()].flat().length;
    const left = await names(a);
    expect(left.length).toBeGreaterThan(0);
    for (const name of left) {
      const refused = await a.modern("tools/call", { name });
      expect(refused.body.error ?? refused.body.result.isError, name).toBeTruthy();
    }
    const calls = [await a.audited(), await b.audited()].flat().length - before;
    expect(calls).toBeLessThanOrEqual(9 * left.length);
  });
});

describe("the count of programs on the way of a call", () => {
  it("goes on through tools of personas, and personas that are tools (T300)", async () => {
    const turns = [{ calls: [{ name: "add", args: { a: 1, b: 2 } }] }, { text: "3" }];
    const { server, mcp, provider, modern } = await withHops(turns);
    const headers = { "x-mcpctl-hops": "5" };
    const asked = await modern(
      "tools/call",
      { name: "ask_helper", arguments: { message: "?" } },
      { headers },
    );
    expect(asked.body.result.isError).toBeUndefined();
    expect(provider.seen.at(-1)!.headers["x-mcpctl-hops"]).toBe("6");
    expect(mcp.of("tools/call")[0]!.headers.get("x-mcpctl-hops")).toBe("6");
    const late = { "x-mcpctl-hops": "8" };
    const refused = await modern("tools/call", { name: "add", arguments: {} }, { headers: late });
    expect(refused.body.error.data.code).toBe("loop_detected");
    expect(server.of("tools/call")).toHaveLength(1);
  });
});

async function withHops(turns: Parameters<typeof withTools>[0]["turns"]) {
  const all = await withTools({ turns: turns! });
  await must(all.admin("PUT", "/api/v1/projects/p", { agents: ["helper"] }));
  const modern: TestProject["modern"] = (method, params, options) =>
    all.modern(method, params, { bearer: all.caller, ...options });
  return { ...all, modern, server: all.mcp };
}
