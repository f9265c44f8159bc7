import { describe, expect, it } from "vitest";
import { argumentsIn, longProject, textsOf } from "../../../support/mcp/long-results.ts";
import { must } from "../../../support/server.ts";
import { upstream as llmProvider, reply } from "../../../support/upstream.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at any field
type Json = any;

const answer = (text: string) => ({
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "up",
  choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

/** Starts a project whose llm answers with what `write` returns. */
async function titled(
  write: (question: string) => string | Promise<string>,
  proxyModel = "content-pipeline",
) {
  const provider = llmProvider(async ({ method, body }, connection) => {
    if (method !== "POST") return connection.end(reply(404, {}));
    connection.end(reply(200, answer(await write(body.messages[1].content))));
  });
  const p = await longProject(proxyModel, { llmProvider: "small" });
  await must(
    p.admin("POST", "/api/v1/llms", {
      name: "small",
      type: "openai",
      url: `${provider.url}/v1`,
      model: "up",
    }),
  );
  const grants = [
    { role: "run", resource: "projects" },
    { role: "run", resource: "llms" },
  ];
  const { bearer } = await p.token("reader", grants);
  const client = await p.client("modern", { bearer });
  const notice = async (args: object = {}): Promise<string> =>
    textsOf((await client.callTool({ name: "rows", arguments: args as Json })) as Json).at(-1)!;
  return { ...p, notice, asked: () => provider.seen.filter(({ method }) => method === "POST") };
}

/** Lines such as `2: title 2` for each part that a question has. */
const titlesFor = (question: string, title: (n: number) => string) =>
  [...question.matchAll(/^(\d+):$/gm)].map(([, n]) => `${n}: ${title(Number(n))}`).join("\n");

describe("titles of pages", () => {
  it("are written by the llm of the project once for each content, as calls of the caller", async () => {
    const p = await titled((question) => titlesFor(question, (n) => `Title ${n}`));
    const first = await p.notice();
    expect(first).toMatch(/\n1\. Title 1 \| \.\[0:\d+\] \(/);
    expect(first).toMatch(/\n2\. Title 2 \| /);
    expect(await p.notice()).toContain("2. Title 2 |");
    expect(p.asked()).toHaveLength(1);
    expect(p.asked()[0]!.body.messages[1].content).toContain('1:\n[{"id":0');
    const { body } = await p.admin("GET", "/api/v1/audit?action=llm_inference_call");
    expect(body).toHaveLength(1);
    expect(body[0].tokenId).toBe((await p.audited())[0].tokenId);
  });

  it("do not delay an answer: they are there when the index is read again", async () => {
    const late = Promise.withResolvers<string>();
    const p = await titled(() => late.promise);
    const first = await p.notice();
    expect(first).toContain("\n1. Page 1 |");
    late.resolve(Array.from({ length: 16 }, (_, i) => `${i + 1}: Now`).join("\n"));
    const { _resultId } = argumentsIn(first);
    // The question is still under way, and its answer is waited for.
    expect(await p.notice({ _resultId })).toContain("\n1. Now |");
    expect(p.asked()).toHaveLength(1);
  });

  it("are one short line each, whatever the model writes (T211)", async () => {
    const evil = `\u001b[31mred\u0007 \u202eevil\u2028 ${"long ".repeat(50)}`;
    const p = await titled(() => `Sure!\n**1:** "${evil}"\n2. \n99: not there\n3: fine\n3: finer`);
    const notice = await p.notice();
    const [line] = /^1\. .*$/m.exec(notice)!;
    expect(line).toMatch(/^1\. \[31mred evil long .*… \| \.\[0:\d+\]/);
    expect(line!.length).toBeLessThan(100);
    expect(notice).toMatch(/^2\. Page 2 \|/m);
    expect(notice).toMatch(/^3\. finer \|/m);
    expect(notice).not.toContain("not there");
    expect(notice.replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}]/u);
  });

  it("are left out where the llm fails, and it is not asked again at once", async () => {
    const p = await titled(() => "");
    expect(await p.notice()).toContain("1. Page 1 |");
    expect(await p.notice()).toContain("1. Page 1 |");
    expect(p.asked()).toHaveLength(1);
  });

  it("are those of the own project: another project has another model, which may be somebody's (T214)", async () => {
    const p = await titled((question) => titlesFor(question, (n) => `Title ${n}`));
    expect(await p.notice()).toContain("1. Title 1 |");
    const { body } = await p.admin("GET", "/api/v1/projects/p");
    await must(p.admin("PUT", "/api/v1/projects/p", { ...body, llmProvider: "gone" }));
    expect(await p.notice()).toContain("1. Page 1 |");
  });
});

describe("the proxy model subindex", () => {
  it("answers with summaries of the sections, written by the llm", async () => {
    const p = await titled((question) => titlesFor(question, (n) => `It is about rows ${n}.`), "subindex");
    const notice = await p.notice();
    expect(notice).toMatch(
      /^\[mcpctl cut this result of \d+\.\d KB into \d+ sections\. Below are summaries of them\. To read one, call rows with \{"_resultId":"[0-9a-f]+","_section":"1"\}\./,
    );
    expect(notice).toMatch(/\n1\. It is about rows 1\. \| /);
  });

  it("takes the beginnings where there is no llm, and each section can be read", async () => {
    const p = await longProject("subindex");
    const client = await p.client("legacy");
    const text = Array.from({ length: 12 }, (_, i) => `# Part ${i}\n\n${`Words of ${i}. `.repeat(90)}`).join(
      "\n",
    );
    const index: Json = await client.callTool({ name: "text", arguments: { text } });
    expect(textsOf(index)).toHaveLength(1);
    const [notice] = textsOf(index);
    expect(notice).toMatch(/\n3\. # Part 2 Words of 2\. Words.*… \| Part 2, lines 7-9 \(/);
    expect(Buffer.byteLength(JSON.stringify(index))).toBeLessThan(10_240);
    const { _resultId } = argumentsIn(notice!);
    const parts: string[] = [];
    for (let i = 1; i <= 12; i++) {
      const part: Json = await client.callTool({ name: "text", arguments: { _resultId, _section: `${i}` } });
      parts.push(textsOf(part)[0]!);
    }
    expect(parts.join("")).toBe(text);
    expect(parts[2]).toMatch(/^# Part 2\n/);
  });
});
