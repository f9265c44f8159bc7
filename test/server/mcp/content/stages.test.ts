import { describe, expect, it } from "vitest";
import { stages } from "../../../../src/kinds/stages/index.ts";
import { planOf, runStages } from "../../../../src/server/mcp/content/stage-plan.ts";
import type { StageWork } from "../../../../src/server/mcp/content/stages/define.ts";
import { stageWorks } from "../../../../src/server/mcp/content/stages/index.ts";
import { argumentsIn, longProject, rowsText, textsOf } from "../../../support/mcp/long-results.ts";
import { must } from "../../../support/server.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

/** Starts a project with a proxy model of these stages. */
async function staged(list: object[]) {
  const p = await longProject("none");
  await must(p.admin("POST", "/api/v1/proxymodels", { name: "own", gate: "off", stages: list }));
  const { body } = await p.admin("GET", "/api/v1/projects/p");
  await must(p.admin("PUT", "/api/v1/projects/p", { ...body, proxyModel: "own" }));
  const client = await p.client("modern");
  return {
    ...p,
    call: async (name: string, args: Json = {}) => (await client.callTool({ name, arguments: args })) as Json,
  };
}

describe("the list of stages", () => {
  it("has the work of each, and takes another one by a line", async () => {
    expect(Object.keys(stageWorks).sort()).toEqual(stages.map(({ type }) => type).sort());
    const shout: StageWork = {
      type: "shout",
      phase: "shorten",
      run: (input, { mark }) => ({ ...input, texts: input.texts.map((text) => text.toUpperCase() + mark) }),
    };
    const { others, hiding, cuts } = planOf(
      [{ type: "shout", mark: "!" } as { type: string }, { type: "unknown" }],
      { ...stageWorks, shout },
    );
    expect([hiding, cuts]).toEqual([[], undefined]);
    expect((await runStages(others, ["hi"], () => {})).texts).toEqual(["HI!"]);
  });

  it("lets stages that hide and shorten go first, in whatever order they stand", () => {
    const types = ["summarize-tree", "paginate", "truncate", "redact", "passthrough"].map((type) => ({
      type,
    }));
    const { hiding, others, cuts } = planOf(types, stageWorks);
    expect(hiding.map(({ work }) => work.type)).toEqual(["redact"]);
    expect(others.map(({ work }) => work.type)).toEqual([
      "truncate",
      "passthrough",
      "paginate",
      "summarize-tree",
    ]);
    expect(cuts).toBe("page");
  });

  it("passes the input of a stage on that fails, and says so (failure mode 184)", async () => {
    const failing: StageWork = {
      type: "failing",
      phase: "shorten",
      run: () => Promise.reject(new Error("no")),
    };
    const failures: string[] = [];
    const { others } = planOf([{ type: "failing" }, { type: "paginate" }], { ...stageWorks, failing });
    const output = await runStages(others, [rowsText], (type) => failures.push(type));
    expect(failures).toEqual(["failing"]);
    expect(output.cut!.parts.length).toBeGreaterThan(5);
  });
});

describe("the stage truncate", () => {
  it("cuts texts off between items, and says how much is missing", async () => {
    const p = await staged([{ type: "truncate", bytes: 1000 }]);
    const [text, note] = textsOf(await p.call("rows"));
    expect(rowsText.startsWith(text!)).toBe(true);
    expect(text).toMatch(/^\[\{.*\},$/s);
    expect(text!.length).toBeGreaterThan(600);
    expect(note).toMatch(
      /^\[mcpctl left out \d+\.\d KB at the end, because this project allows 1000 bytes for a text\.\]$/,
    );
    expect(textsOf(await p.call("echo", { a: 1 }))).toEqual(['{"a":1}']);
  });
});

describe("the stage redact", () => {
  it("hides what matches in every page, in errors and in structured content, and nothing else", async () => {
    const p = await staged([{ type: "paginate" }, { type: "redact", patterns: ["row 4\\d\\d", "👩‍👩"] }]);
    let result = await p.call("rows");
    let all = "";
    for (;;) {
      const texts = textsOf(result);
      const notice = texts.pop()!;
      all += texts.join("");
      if (notice.includes("It is the last")) break;
      result = await p.call("rows", argumentsIn(notice));
    }
    expect(all).toBe(rowsText.replace(/row 4\d\d|👩‍👩/g, "[redacted]"));
    const failed = await p.call("failing");
    expect([failed.isError, textsOf(failed)[0]!.includes("row 450")]).toEqual([true, false]);
    const promised = await p.call("promised");
    expect(promised.structuredContent.rows).toHaveLength(300);
    expect(JSON.stringify(promised)).not.toContain("👩‍👩");
    expect(promised.structuredContent.rows[7].name).toBe("row 7");
  });

  it("lets nothing through if it fails, and tells it (failure mode 185)", async () => {
    const p = await staged([{ type: "redact", patterns: ["(a|b)*a(a|b){14}c"] }]);
    let seed = 1;
    const next = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % 2 === 0 ? "a" : "b";
    };
    const text = `secret ${Array.from({ length: 60_000 }, next).join("")}`;
    await expect(p.call("text", { text })).rejects.toThrow("the stage redact of proxy model own failed");
    expect(p.logged.join("\n")).toContain("project p: the stage redact of proxy model own failed");
    expect(p.logged.join("\n")).not.toContain("secret");
    expect(textsOf(await p.call("text", { text: "plain" }))).toEqual(["plain"]);
  });

  it("refuses patterns that cannot be used", async () => {
    const p = await longProject("none");
    const patterns = ["fine", "(a)\\1"];
    const { status, body } = await p.admin("POST", "/api/v1/proxymodels", {
      name: "bad",
      stages: [{ type: "redact", patterns }],
    });
    expect(status).toBe(400);
    expect(body.details).toEqual([
      { path: "/stages/0/patterns/1", message: "is no pattern that can be used: \\1 is not supported" },
    ]);
  });
});
