import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutTexts, fitTogether, type Part } from "../../../../../src/server/mcp/content/cut/cut.ts";

const partSize = 600;
const cut = (texts: string[], bySection = false) => cutTexts(texts, { partSize, bySection });

/** The texts of a part. */
const textsOf = (texts: readonly string[], { pieces }: Part) =>
  pieces.map(({ text, start, end }) => texts[text]!.slice(start, end));
const written = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2;

/** The places at which a text is cut, its ends left out. */
const cutsIn = (parts: readonly Part[]) =>
  parts.flatMap(({ pieces }) => pieces.map(({ start }) => start)).filter((at) => at > 0);

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 3000 }),
  fc.string({ unit: "grapheme", maxLength: 2000 }),
  fc
    .array(fc.constantFrom("# One", "## Two", "```", "", "a line of text", "x".repeat(900), "\r"), {
      maxLength: 120,
    })
    .map((lines) => lines.join("\n")),
  fc.json({ maxDepth: 6 }).map((text) => `[${Array(20).fill(text).join(",")}]`),
  fc
    .json({ maxDepth: 4 })
    .map((text) => JSON.stringify({ a: text.repeat(30), b: [text, [text]] }, undefined, 2)),
  // Neither JSON nor far from it.
  fc
    .array(fc.constantFrom("[", "{", '"', ",", "]", "}", "\\", "\n", "1"), { maxLength: 3000 })
    .map((all) => all.join("")),
);

describe("parts of texts", () => {
  it("are the texts when they are put together, and no part is too large", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyText, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (texts, bySection) => {
          const parts = await cut(texts, bySection);
          const together = texts.map(() => "");
          for (const { pieces } of parts)
            for (const { text, start, end } of pieces) {
              expect(start).toBe(together[text]!.length);
              together[text] += texts[text]!.slice(start, end);
            }
          expect(together).toEqual(texts);
          for (const part of parts) {
            const size = textsOf(texts, part).reduce((sum, text) => sum + written(text), 0);
            // A character may be larger than all the rest: it stays whole.
            expect(size).toBeLessThanOrEqual(
              Math.max(partSize, ...textsOf(texts, part).map((text) => (text.length < 80 ? size : 0))),
            );
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it("never end inside a character", async () => {
    const families = "👩‍👩‍👧‍👦🇩🇪e\u0301각ñ";
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 200, maxLength: 2000 }), async (text) => {
        const all = `${text}${families.repeat(30)}`;
        const limits = new Set([...new Intl.Segmenter().segment(all)].map(({ index }) => index));
        for (const at of cutsIn(await cut([all]))) expect(limits.has(at)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("never end inside an item of JSON that fits into a part", async () => {
    const item = fc.oneof(
      fc.record({
        id: fc.nat(),
        name: fc.string({ unit: "grapheme", maxLength: 40 }),
        tags: fc.array(fc.string(), { maxLength: 3 }),
      }),
      fc.string({ maxLength: 60 }),
      fc.integer(),
      fc.array(fc.array(fc.nat(99), { maxLength: 3 }), { maxLength: 3 }),
    );
    const space = fc.constantFrom(undefined, 2, "\t");
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { minLength: 30, maxLength: 80 }),
        space,
        fc.boolean(),
        async (items, indent, wrapped) => {
          const value = wrapped ? { total: items.length, page: { items, next: null } } : items;
          const text = JSON.stringify(value, undefined, indent);
          for (const at of cutsIn(await cut([text]))) {
            const before = text.slice(0, at);
            const depth = depthOf(before);
            // Before the first item, or between two: never inside one.
            expect(/[,[{]$/.test(before)).toBe(true);
            expect(depth).toBeLessThanOrEqual(wrapped ? 3 : 1);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("end inside a large string at a line, and never inside an escape", async () => {
    const lines = Array.from({ length: 80 }, (_, i) => `line ${i} "quoted" \\ \u0001 and more`);
    const text = JSON.stringify({ path: "a.txt", content: lines.join("\n") });
    const cuts = cutsIn(await cut([text]));
    expect(cuts.length).toBeGreaterThan(5);
    // The first one may be that of the key.
    for (const at of cuts.slice(1)) expect(text.slice(at - 2, at)).toBe("\\n");
    const escapes = `["${"\\ud83d\\ude00\\\\\\u00e4".repeat(200)}"]`;
    for (const at of cutsIn(await cut([escapes])))
      expect(
        [escapes.slice(at, at + 6), escapes.slice(at, at + 2)].some((one) =>
          ["\\ud83d", "\\\\", "\\u00e4"].includes(one),
        ),
      ).toBe(true);
  });

  it("begin at headings, and not at what looks like one in code", async () => {
    const section = (name: string, size: number) => `## ${name}\n\n${`${"word ".repeat(10)}\n`.repeat(size)}`;
    const text = `# All\n\n${section("A", 6)}${section("B", 7)}\`\`\`\n# no heading\n\`\`\`\n${section("C", 8)}`;
    const parts = await cut([text]);
    expect(parts.map((part) => textsOf([text], part)[0]!.split("\n")[0])).toEqual(["# All", "## B", "## C"]);
    expect(parts.map(({ label }) => label)).toEqual(["All, lines 1-10", "B, lines 11-22", "C, from line 23"]);
  });

  it("begin at each of the largest headings if sections are wanted", async () => {
    const text = `intro\n\n${Array.from({ length: 9 }, (_, i) => `# S${i}\n\n${"x".repeat(i === 4 ? 900 : 90)}\n`).join("")}`;
    const parts = await cut([text], true);
    const starts = parts.map((part) => textsOf([text], part)[0]!.split("\n")[0]!.slice(0, 5));
    expect(starts.filter((line) => line.startsWith("# "))).toEqual(
      Array.from({ length: 9 }, (_, i) => `# S${i}`),
    );
    expect(parts.length).toBeGreaterThan(10);
  });

  it("have labels that tell where they are", async () => {
    const list = JSON.stringify(Array.from({ length: 60 }, (_, i) => ({ id: i, name: `name ${i}` })));
    const labels = (await cut([list])).map(({ label }) => label);
    expect(labels[0]).toMatch(/^\.\[0:\d+\]$/);
    expect(labels.at(-1)).toMatch(/^\.\[\d+:\]$/);
    const ends = labels.slice(0, -1).map((one) => one.match(/:(\d+)\]/)![1]);
    expect(labels.slice(1).map((one) => one.match(/\[(\d+):/)![1])).toEqual(ends);
    const nested = JSON.stringify({ ok: true, "us\u202eers": JSON.parse(list) });
    expect((await cut([nested])).map(({ label }) => label)[1]).toMatch(/^\.us ers\[\d+:\d+\]$/);
    const many = Array.from({ length: 40 }, (_, i) => `text ${i} ${"x".repeat(60)}`);
    expect((await cut(many)).map(({ label }) => label)[0]).toMatch(/^texts 1-\d$/);
  });

  it("are not made of texts that are small together", () => {
    expect(fitTogether(["a", "b"], partSize)).toBe(true);
    expect(fitTogether(["x".repeat(partSize)], partSize)).toBe(true);
    expect(fitTogether(["x".repeat(partSize + 1)], partSize)).toBe(false);
    expect(fitTogether(["\n".repeat(400)], partSize)).toBe(false);
    expect(fitTogether(Array(40).fill("x"), partSize)).toBe(false);
  });
});

/** The open brackets of JSON. */
function depthOf(text: string): number {
  const plain = text.replace(/"(?:[^"\\]|\\.)*"/g, "");
  return (plain.match(/[[{]/g) ?? []).length - (plain.match(/[\]}]/g) ?? []).length;
}
