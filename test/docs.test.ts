import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import type { CommandEntry, Commands, CommandVerb } from "../src/cli/core/command.ts";
import { commands } from "../src/commands.ts";
import { cli } from "./support/cli/run-cli.ts";
import { fences } from "./support/fences.ts";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
const texts = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...pages.filter((page) => page.endsWith(".md")).map((page) => `docs/${page}`),
  ...readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(md|yaml)$|file$/.test(name))
    .map((name) => `examples/${name}`),
];

/** The verbs as they are, but that nothing is done: what is left is whether a line makes sense. */
function idle(verbs: Commands): Commands {
  const withoutAct = async ({ load }: CommandEntry): Promise<CommandVerb> => {
    const verb = await load();
    return {
      ...verb,
      ...(verb.verbs && { verbs: idle(verb.verbs) }),
      ...((verb.act || !verb.verbs) && { act: async () => {} }),
    };
  };
  return Object.fromEntries(
    Object.entries(verbs).map(([name, entry]) => [name, { ...entry, load: () => withoutAct(entry) }]),
  );
}

const makesSense = (words: readonly string[]) => cli(words, { commands: idle(commands) });

const command = /(?<![\w/'-])mcpctl(?= [a-z-])((?:[ \t]+(?:"[^"]*"|'[^']*'|[^\s|;&<>()#"'])+)*)/g;

/** The words behind each `mcpctl` of a text's code. */
function commandLines(text: string): string[][] {
  const shells = fences(text).filter(({ language }) => language === "sh" || language === "console");
  const blocks = shells.map(({ lines }) =>
    lines
      .join("\n")
      .replace(/\\\n(?:> )?/g, " ")
      .replace(/(^| )#.*/gm, ""),
  );
  const inline = [...text.matchAll(/`(mcpctl [^`]+)`/g)].map(([, code]) => code!.replaceAll("\n", " "));
  return [...blocks, ...inline].flatMap((code) =>
    [...code.matchAll(command)].map(([, words]) =>
      [...words!.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replace(/["']/g, "")),
    ),
  );
}

it("docs/command-line.md names every verb", () => {
  const page = read("docs/command-line.md");
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  const named = new Set(
    rows.flatMap((row) => [...row.split(" | ")[0]!.matchAll(/`([a-z-]+)/g)].map(([, verb]) => verb)),
  );
  const verbs = Object.entries(commands).filter(([, { hidden }]) => !hidden);
  expect(verbs.map(([verb]) => verb).filter((verb) => !named.has(verb))).toEqual([]);
});

it.each(texts)("the command lines in %s make sense", async (name) => {
  // A verb alone is only named, and `…` stands for what is left out.
  const lines = commandLines(read(name)).map((words) =>
    words.length === 1 || words.includes("…") ? [words[0]!, "--help"] : words,
  );
  for (const words of lines) {
    const { code, stderr } = await makesSense(words);
    expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: "" });
  }
});

it("finds the command lines in a text, and those that make no sense", async () => {
  const found = commandLines(`see \`mcpctl get llm/gpt\`
\`\`\`sh
printf x | mcpctl create secret a --data 'k=a b' \\
  --backend b | cat # mcpctl is here
\`\`\`
`);
  expect(found).toEqual([
    ["create", "secret", "a", "--data", "k=a b", "--backend", "b"],
    ["get", "llm/gpt"],
  ]);
  for (const words of [
    ["gte", "llms"],
    ["create", "llm", "gpt", "--modle", "x"],
    ["config", "use"],
  ])
    expect({ words, code: (await makesSense(words)).code }).toEqual({ words, code: 2 });
});

it.each(texts)("the links in %s lead somewhere", (name) => {
  for (const [, target = ""] of read(name).matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith("https:")) continue;
    const [path = "", heading] = target.split("#");
    const file = path === "" ? name : join(dirname(name), path);
    expect({ target, exists: existsSync(join(root, file)) }).toEqual({ target, exists: true });
    if (heading !== undefined) expect(anchors(read(file))).toContain(heading);
  }
});

it.each([
  ["docs/index.md", pages.filter((page) => page.endsWith(".md") && page !== "index.md")],
  [
    "docs/decisions/index.md",
    readdirSync(join(root, "docs/decisions")).filter((page) => page !== "index.md"),
  ],
])("%s names every page", (index, all) => {
  const named = [...read(index).matchAll(/\]\(([^)#]+)/g)].map(([, target]) => target);
  expect(named).toEqual(expect.arrayContaining(all));
});

it("every decision says when it was made, and the index repeats it", () => {
  const rows = read("docs/decisions/index.md").matchAll(
    /^\| (\d{4}-\d\d-\d\d) \| \[([^\]]+)\]\(([^)]+)\) \|$/gm,
  );
  for (const [, date, title, page] of rows)
    expect(read(`docs/decisions/${page}`).split("\n").slice(0, 3)).toEqual([
      `# ${title}`,
      "",
      `Decided on ${date}.`,
    ]);
});

it.each(texts)("the files that %s names are there", (name) => {
  const named = [
    ...read(name).matchAll(/`((?:src|test|docs|bench|scripts|packaging|drizzle|examples)\/[\w./-]*)`/g),
  ];
  for (const [, path = ""] of named) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
});

/** Headings as GitHub makes anchors of them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, words]) =>
    words!
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
