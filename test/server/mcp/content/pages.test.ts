import { describe, expect, it } from "vitest";
import { faultsOfResult } from "../../../../src/mcp/tool-contract.ts";
import { argumentsIn, longProject, rowsOf, rowsText, textsOf } from "../../../support/mcp/long-results.ts";
import { must } from "../../../support/server.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

/** Reads all parts of a tool's result as its notices say, and returns the texts without notices. */
async function readAll(call: (args: Json) => Promise<Json>, first: Json): Promise<string[]> {
  const texts: string[] = [];
  for (let result = first; ; ) {
    const all = textsOf(result);
    const notice = all.pop()!;
    texts.push(all.join(""));
    const next = argumentsIn(notice);
    if (!next || notice.includes("It is the last")) return texts;
    result = await call(next);
  }
}

describe.each(["legacy", "modern"] as const)("a long result for a %s client", (era) => {
  it("comes in pages, which put together are the original, without a further call of the server", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client(era);
    const first: Json = await client.callTool({ name: "rows", arguments: {} });
    expect(first.content).toHaveLength(2);
    const pages = await readAll((args) => client.callTool({ name: "rows", arguments: args }), first);
    expect(pages.join("")).toBe(rowsText);
    expect(pages.length).toBeGreaterThan(5);
    for (const page of pages) {
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThanOrEqual(8194);
      // Whole rows only.
      expect(page).toMatch(/^\[?\{.*\}[,\]]$/s);
    }
    expect(p.upstream.of("tools/call")).toHaveLength(1);
    const audited = (await p.audited()).map(({ detail }) => [detail.tool, detail.part]).reverse();
    expect(audited).toEqual(pages.map((_, i) => ["rows", i === 0 ? undefined : `${i + 1}`]));
  });

  it("keeps what the tool promises: each answer matches the output schema", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client(era);
    const { tools } = await client.listTools();
    const definition: Json = tools.find(({ name }) => name === "promised");
    // The client itself refuses results that break the promise.
    const first: Json = await client.callTool({ name: "promised", arguments: {} });
    expect(first.structuredContent).toEqual({ rows: rowsOf(300) });
    expect(textsOf(first)[0]!.length).toBeLessThan(9000);
    const second: Json = await client.callTool({
      name: "promised",
      arguments: argumentsIn(textsOf(first)[1]!),
    });
    for (const result of [first, second]) expect(await faultsOfResult(definition, result)).toEqual([]);
    const wrong: Json = await client.callTool({
      name: "promised",
      arguments: { ...argumentsIn(textsOf(first)[1]!), _page: 99 },
    });
    expect(await faultsOfResult(definition, wrong)).toEqual([]);
    expect(textsOf(wrong)[0]).toMatch(/There is no page 99: the result has \d+/);
  });
});

describe("the first page", () => {
  it("says how many there are, where they are, and how to get them", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client("modern");
    const result: Json = await client.callTool({ name: "rows", arguments: {} });
    const notice = textsOf(result).at(-1)!;
    expect(notice).toMatch(
      /^\[mcpctl cut this result of \d+\.\d KB into \d+ pages\. Above is page 1\. For the next, call rows with \{"_resultId":"[0-9a-f]{32}","_page":2\}\. All are kept for 30 minutes\.\n1\. Page 1 \| \.\[0:\d+\] \(\d\.\d KB\)\n2\. Page 2 \| /,
    );
  });

  it("of 5 MB has an index of ranges, and takes 10 KB at most with it", async () => {
    const p = await longProject("content-pipeline");
    const { upstream } = p;
    const client = await p.client("modern");
    const result: Json = await client.callTool({ name: "many", arguments: { count: 60_000 } });
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(10_240);
    const notice = textsOf(result).at(-1)!;
    expect(notice).toMatch(/result of [4-6]\.\d MB/);
    const [, range] = /"_section":"(\d+-\d+)"/.exec(notice)!;
    const { _resultId } = argumentsIn(notice);
    const index: Json = await client.callTool({
      name: "many",
      arguments: { _resultId, _section: range },
    });
    expect(Buffer.byteLength(JSON.stringify(index))).toBeLessThanOrEqual(10_240);
    expect(textsOf(index)).toHaveLength(1);
    expect(textsOf(index)[0]).toContain(`[pages ${range!.replace("-", " to ")} of`);
    const whole: Json = await client.callTool({ name: "many", arguments: { _resultId } });
    expect(textsOf(whole)[0]).toMatch(/^\[pages 1 to \d+/);
    expect(upstream.of("tools/call")).toHaveLength(1);
  });
});

describe("arguments for parts", () => {
  it("are in the schemas of tools, under other names where a tool has these, and never reach a server", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client("modern");
    const { tools } = await client.listTools();
    const properties = (name: string) =>
      Object.keys((tools.find((one) => one.name === name) as Json).inputSchema.properties);
    expect(properties("rows")).toEqual(["_resultId", "_page", "_section"]);
    expect(properties("paged")).toEqual(["_page", "__resultId", "__page", "__section"]);
    expect((tools.find((one) => one.name === "text") as Json).inputSchema.required).toEqual(["text"]);
    await client.callTool({ name: "echo", arguments: { a: 1, _page: 3, _section: "", _resultId: "" } });
    expect(p.upstream.of("tools/call").at(-1)!.params.arguments).toEqual({ a: 1 });
    const result: Json = await client.callTool({ name: "paged", arguments: { _page: 7 } });
    expect(p.upstream.of("tools/call").at(-1)!.params.arguments).toEqual({ _page: 7 });
    const next = argumentsIn(textsOf(result).at(-1)!);
    expect(Object.keys(next)).toEqual(["__resultId", "__page"]);
    const second: Json = await client.callTool({ name: "paged", arguments: { _page: 1, ...next } });
    expect(second.isError).toBeUndefined();
    expect(p.upstream.of("tools/call")).toHaveLength(2);
  });

  it("take numbers as texts, and say what is wrong with others", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client("legacy");
    const first: Json = await client.callTool({ name: "rows", arguments: {} });
    const { _resultId } = argumentsIn(textsOf(first).at(-1)!);
    const ask = async (args: object) => {
      const result: Json = await client.callTool({ name: "rows", arguments: { _resultId, ...args } });
      return textsOf(result).at(-1);
    };
    expect(await ask({ _page: "2" })).toMatch(/^\[page 2 of/);
    expect(await ask({ _section: "2" })).toMatch(/^\[page 2 of/);
    expect(await ask({ _page: 0 })).toMatch(/^\[There is no page 0: the result has/);
    expect(await ask({ _section: "4-2" })).toMatch(/^\[There is no page 4-2/);
    for (const _page of [1.5, "two", {}, "-1", Number.MAX_VALUE])
      expect(await ask({ _page })).toMatch(/^\[The page must be a number, or a range such as 2-33/);
  });

  it("come and go with the proxy model, and clients are told", async () => {
    const p = await longProject("none");
    const told = Promise.withResolvers<void>();
    const client = await p.client("legacy", {
      prepare: (one) => one.setNotificationHandler("notifications/tools/list_changed", () => told.resolve()),
    });
    const names = async () =>
      Object.keys(
        ((await client.listTools()).tools.find(({ name }) => name === "rows") as Json).inputSchema
          .properties ?? {},
      );
    expect(await names()).toEqual([]);
    const size = async () =>
      (await p.admin("GET", "/api/v1/projects/p/tools")).body.find(({ name }: Json) => name === "rows")
        .tokens;
    const before = await size();
    const { body } = await p.admin("GET", "/api/v1/projects/p");
    await must(p.admin("PUT", "/api/v1/projects/p", { ...body, proxyModel: "subindex" }));
    await told.promise;
    expect(await names()).toEqual(["_resultId", "_section"]);
    // The report counts what clients get.
    expect(await size()).toBeGreaterThan(before + 20);
  });
});

describe("what is not cut", () => {
  it("passes as it is: short results, errors, images, and questions", async () => {
    const p = await longProject("content-pipeline");
    const client = await p.client("modern");
    expect(await client.callTool({ name: "echo", arguments: { a: 1 } })).toMatchObject({
      content: [{ type: "text", text: '{"a":1}' }],
    });
    const failed: Json = await client.callTool({ name: "failing", arguments: {} });
    expect([failed.isError, textsOf(failed)]).toEqual([true, [rowsText]]);
    const mixed: Json = await client.callTool({ name: "mixed", arguments: {} });
    expect(mixed.content.map(({ type }: Json) => type)).toEqual([
      "image",
      "text",
      "resource",
      "image",
      "text",
    ]);
    expect(mixed.content[2].resource).toEqual({ uri: "file:///a", text: "" });
  });

  it("is the same byte for byte with the proxy model none", async () => {
    const p = await longProject("none");
    const { text } = await p.modern("tools/call", { name: "rows", arguments: { _page: 2, _resultId: "x" } });
    const { result } = JSON.parse(text);
    expect(result.content).toEqual([{ type: "text", text: rowsText }]);
    expect(p.upstream.of("tools/call")[0]!.params.arguments).toEqual({ _page: 2, _resultId: "x" });
  });
});

describe("long resources and prompts", () => {
  it.each(["legacy", "modern"] as const)("come in parts that are resources, for a %s client", async (era) => {
    const p = await longProject("content-pipeline");
    const client = await p.client(era);
    const first: Json = await client.readResource({ uri: "test://long" });
    const [text, blob, notice] = first.contents;
    expect(blob).toEqual({ uri: "test://long", blob: "aGk=" });
    let all = text.text;
    for (let uri = uriIn(notice.text); uri; ) {
      const { contents }: Json = await client.readResource({ uri });
      const more = contents.pop();
      all += contents.map((one: Json) => one.text).join("");
      uri = more.text.includes("It is the last") ? undefined : uriIn(more.text);
    }
    expect(all).toBe(rowsText);
    expect(p.upstream.of("resources/read")).toHaveLength(1);
    const prompt: Json = await client.getPrompt({ name: "long" });
    expect(prompt.messages.map(({ role }: Json) => role)).toEqual(["user", "assistant", "user"]);
    const [, second, index] = prompt.messages;
    const { contents }: Json = await client.readResource({ uri: uriIn(index.content.text)! });
    expect(rowsText.startsWith(second.content.text + contents[0].text)).toBe(true);
  });
});

function uriIn(notice: string): string | undefined {
  return /mcpctl:\/\/results\/[0-9a-f]+\/\d+/.exec(notice)?.[0];
}
