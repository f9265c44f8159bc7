import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The numbered lists, with the words that cite their rows and the digits that a number has at least. */
const lists = [
  { page: "docs/reference/translation-cases.md", words: /\b[Cc]ases? /, digits: 1 },
  { page: "docs/reference/threats.md", words: /\bT/, digits: 2 },
  { page: "docs/reference/failure-modes.md", words: /\b[Ff]ailure modes? /, digits: 1 },
] as const;

/** All that may cite a row. */
const paths = [
  ...new Bun.Glob("{src,test,bench,docs,packaging,scripts,examples}/**/*.{ts,js,md,yaml,service}").scanSync(
    root,
  ),
  ...new Bun.Glob("*.md").scanSync(root),
].sort();

interface Row {
  number: number;
  anchor: string;
  tests: string;
}

function rowsOf(page: string): Row[] {
  return [...read(page).matchAll(/^\| <a id="([^"]+)"><\/a>T?(\d+) \|.*\| ([^|]*) \|$/gm)].map(
    ([, anchor, number, tests]) => ({ anchor: anchor!, number: Number(number), tests: tests! }),
  );
}

/** The numbers that a text cites of a list, for example 36 and 37 of `cases 36, 37`. */
function citedIn(text: string, words: RegExp): string[] {
  const own =
    words.source === "\\bT" ? /\bT(\d+)\b/g : new RegExp(`${words.source}(\\d+(?:, \\d+)*)\\b`, "g");
  // A case of a switch has a number, too.
  const plain = text.replace(/^\s*case \d+:/gm, "");
  return [...plain.matchAll(own)].flatMap(([, numbers]) => numbers!.split(", "));
}

describe.each(lists)("$page", ({ page, words, digits }) => {
  const rows = rowsOf(page);

  it("has rows whose numbers and anchors stand once", () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(new Set(rows.map(({ number }) => number)).size).toBe(rows.length);
    const table = read(page).match(/^\| <a /gm);
    expect(table).toHaveLength(rows.length);
    expect(new Set(rows.map(({ anchor }) => anchor)).size).toBe(rows.length);
  });

  it("names tests that exist, or says that there is none", () => {
    for (const { number, tests } of rows) {
      if (tests === "none") continue;
      const named = [...tests.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => join(dirname(page), target!));
      expect(named.length, `row ${number}`).toBeGreaterThan(0);
      for (const test of named) {
        expect(test, `row ${number}`).toMatch(/^test\/.*\.ts$/);
        expect([test, existsSync(join(root, test))]).toEqual([test, true]);
      }
    }
  });

  it.runIf(words.source === "\\bT")("names a test for each row that says which row it proves", () => {
    const silent = rows.filter(({ number, tests }) => {
      const named = [...tests.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => join(dirname(page), target!));
      const own = String(number).padStart(digits, "0");
      return named.length > 0 && !named.some((test) => citedIn(read(test), words).includes(own));
    });
    expect(silent.map(({ number }) => number)).toEqual([]);
  });

  it("has a row for every number that is cited", () => {
    const known = new Set(rows.map(({ number }) => String(number).padStart(digits, "0")));
    const unknown = paths.flatMap((path) =>
      citedIn(read(path), words)
        .filter((number) => !known.has(number))
        .map((number) => `${path}: ${number}`),
    );
    expect(unknown).toEqual([]);
  });
});

it("docs/reference/mcp-reports.md names tests by words of their titles", () => {
  const page = "docs/reference/mcp-reports.md";
  const rows = rowsOf(page);
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 47 }, (_, i) => i + 1));
  for (const { number, tests } of rows) {
    const named = [...tests.matchAll(/\]\(([^)]+)\) "([^"]+)"/g)];
    expect(named.length, `row ${number}`).toBeGreaterThan(0);
    for (const [, target, title] of named) {
      const titles =
        read(join(dirname(page), target!)).match(/^\s*(?:(?:it|once)\b|\]\)\(|\}\)\(|").*$/gm) ?? [];
      expect(
        titles.some((line) => line.includes(title!)),
        `row ${number}: ${title}`,
      ).toBe(true);
    }
  }
});

it("numbers are cited one by one, so that a search for one finds all its places", () => {
  const range = /\b(?:[Cc]ases|[Ff]ailure modes) [\d, ]*\d+(?:–|-| to | and )\d|\bT\d+(?:–|-| to | and )T?\d/;
  for (const path of paths) expect(range.exec(read(path))?.[0], path).toBeUndefined();
});

it("finds the numbers in a text, and no case of a switch", () => {
  const text =
    "  case 4:\n(cases 1, 20) T07 and (T20, T21), case 3: x; failure mode 9, (failure modes 10, 11)";
  expect(lists.map(({ words }) => citedIn(text, words))).toEqual([
    ["1", "20", "3"],
    ["07", "20", "21"],
    ["9", "10", "11"],
  ]);
});

it("nothing names a file that is outside of the repository", () => {
  const outside = new RegExp(
    [
      "/wor" + "k/",
      "\\bshared/(?!js)",
      "\\b(?:design|language)\\.m" + "d\\b",
      "\\b(?:research|contract)/\\w+\\.m" + "d\\b",
    ].join("|"),
  );
  for (const path of paths) expect(outside.exec(read(path))?.[0], path).toBeUndefined();
});

it("SECURITY.md promises nothing without a threat that has a test", () => {
  const [, promised = ""] = read("SECURITY.md")
    .split(/^## .*$/m)
    .slice(1);
  const promises = promised.split(/^- /m).slice(1);
  expect(promises.length).toBeGreaterThan(10);
  const tested = new Map(rowsOf("docs/reference/threats.md").map(({ number, tests }) => [number, tests]));
  for (const promise of promises) {
    const cited = citedIn(promise, /\bT/);
    expect(cited.length, promise).toBeGreaterThan(0);
    for (const number of cited) expect(tested.get(Number(number)), `T${number}`).toMatch(/\]\(/);
  }
});
