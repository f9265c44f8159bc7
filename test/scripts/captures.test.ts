import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { steady } from "../../scripts/captures/steady.ts";
import { svgOf } from "../../scripts/captures/svg.ts";
import { commands } from "../../src/commands.ts";
import type { Cell } from "../support/pseudo-terminal.ts";

const root = join(import.meta.dirname, "../..");
const names = readdirSync(join(root, "docs/images")).filter((name) => name.endsWith(".svg"));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith(".md"),
);
const cells = (text: string, more: Partial<Cell> = {}): Cell[] =>
  Array.from(text, (one) => ({ text: one, isBold: false, isDim: false, isInverse: false, ...more }));
const textOf = (row: readonly Cell[]) => row.map(({ text }) => text).join("");

/** Returns the elements that are not closed, or are closed twice. */
function unbalanced(svg: string): string[] {
  const open: string[] = [];
  for (const [, end, name, empty] of svg.matchAll(/<(\/?)([a-z]+)\b[^<>]*?(\/?)>/g)) {
    if (end && open.pop() !== name) return [`/${name}`];
    if (!end && !empty) open.push(name!);
  }
  return open;
}

it.each(names)(
  "docs/images/%s is a small picture of a verb that exists, without scripts and paths",
  (name) => {
    const svg = read(`docs/images/${name}`);
    expect(svg.length).toBeLessThan(20_000);
    expect(unbalanced(svg)).toEqual([]);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
    expect(svg).toMatch(/<title>[^<]+<\/title>/);
    expect(svg).toContain("@media (prefers-color-scheme:dark)");
    expect(svg).not.toMatch(/<script|<image|<foreignObject|href|url\(|@import|\son\w+=/i);
    expect(svg).not.toMatch(/\/(tmp|home|root|work|var|usr)\b/);
    const [, verb] = /<text class="bold"[^>]*>mcpctl ([\w-]+)/.exec(svg)!;
    expect(Object.keys(commands)).toContain(verb);
  },
);

it("each picture is on a page, and each picture of a page is there", () => {
  const shown = pages.flatMap((page) =>
    [...read(page).matchAll(/!\[[^\]]+\]\((?:docs\/)?images\/([\w-]+\.svg)\)/g)].map(([, name]) => name!),
  );
  expect([...new Set(shown)].sort()).toEqual([...names].sort());
});

it("draws real text in its place, escaped, with its style", () => {
  const rows = [
    cells("a <b>   "),
    [...cells("  "), ...cells("x&y", { isBold: true, color: 2 })],
    cells("   "),
  ];
  const svg = svgOf(rows, "A & B");
  expect(svg).toContain("<title>A &amp; B</title>");
  expect(svg).toContain('textLength="42" xml:space="preserve">a &lt;b&gt;</text>');
  expect(svg).toContain(
    '<text class="c2 bold" x="32.8" y="49" textLength="25.2" xml:space="preserve">x&amp;y</text>',
  );
  expect(svg.match(/<text/g)).toHaveLength(2);
  expect(unbalanced(svg)).toEqual([]);
});

it("what differs from run to run is the same in each picture, and other words stay", () => {
  const row = (id: string, more: string) =>
    cells(`llm '${id}' at 2026-11-2${more} took 1${more} ms in /tmp/h${more}/x`);
  const steadied = (id: string, more: string) => textOf(steady(row(id, more), `/tmp/h${more}`));
  expect(steadied("llm_01kb7m3v5x9q2w4e6r8t0y1u3i", "1")).toBe(
    steadied("llm_01kb7m3v5x9q2w4e6r8t0y1u3j", "1"),
  );
  expect(steadied("gpt", "1")).toBe("llm 'gpt' at 2026-11-21 took 8 ms in ~/x");
  expect(textOf(steady(cells("llm_inference_call of req_0a1b2c3d4e5f"), "/h"))).toMatch(
    /^llm_inference_call of req_[0-9a-z]{12}$/,
  );
});
