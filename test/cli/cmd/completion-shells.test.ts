import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { scripts } from "../../../src/cli/cmd/completion.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** Runs a shell with the script and a program `mcpctl` that prints its words and some candidates. */
async function complete(
  shell: "bash" | "fish" | "zsh",
  line: string,
  candidates: readonly string[],
  run: string,
) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "candidates"), candidates.map((word) => `${word}\n`).join(""));
  const program = `#!/bin/sh\nprintf '<%s>' "$@" > ${folder}/words\ncat ${folder}/candidates\n`;
  writeFileSync(join(folder, "bin/mcpctl"), program);
  chmodSync(join(folder, "bin/mcpctl"), 0o755);
  writeFileSync(join(folder, "script"), scripts[shell]);
  writeFileSync(join(folder, "a-file"), "");
  const child = Bun.spawn([shell, ...(shell === "bash" ? ["--norc"] : []), "-c", run], {
    cwd: folder,
    env: { PATH: `${folder}/bin:${process.env["PATH"]}`, HOME: folder, LINE: line, TERM: "dumb" },
    stderr: "pipe",
  });
  const out = await new Response(child.stdout).text();
  await child.exited;
  return {
    out: out.split("\n").filter((word) => word !== ""),
    words: await Bun.file(join(folder, "words")).text(),
  };
}

const bash = `source ./script; COMP_LINE="$LINE"; COMP_POINT=\${#LINE}; COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_mcpctl 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;

describe("the script for bash", () => {
  it.each([
    ["mcpctl get ll", ["llms", "llm"], ["llms", "llm"], "<__complete><--><get><ll>"],
    ["mcpctl get llms ", ["claude"], ["claude"], "<__complete><--><get><llms><>"],
    [
      "mcpctl get --output=js",
      ["--output=json", "--output=jsonpath="],
      ["json", "jsonpath="],
      "<--output=js>",
    ],
    ["mcpctl create rbac x --subject User:al", ["User:alice"], ["alice"], "<User:al>"],
    [
      "mcpctl create token x --bind role:run,resource:ll",
      ["role:run,resource:llms"],
      ["llms"],
      "<role:run,resource:ll>",
    ],
    ["mcpctl get $(touch", ["x"], [], "<$(touch>"],
  ])("completes %s", async (line, candidates, wanted, words) => {
    const { out, words: passed } = await complete("bash", line, candidates, bash);
    expect(out).toEqual(wanted);
    expect(passed).toContain(words);
  });
});

describe.skipIf(Bun.which("fish") === null)("the script for fish", () => {
  it("offers the candidates, no files among them, and files where there are none", async () => {
    const run = 'source ./script; complete -C "$LINE"';
    const { out, words } = await complete("fish", "mcpctl get ", ["llms\tList", "secrets"], run);
    expect(out).toEqual(["llms\tList", "secrets"]);
    expect(words).toBe("<__complete><--><get><>");
    expect((await complete("fish", "mcpctl apply -f a-", [], run)).out.join()).toContain("a-file");
    expect((await complete("fish", "mcpctl get --output=js", ["--output=json"], run)).out).toEqual([
      "--output=json",
    ]);
  });
});

describe.skipIf(Bun.which("zsh") === null)("the script for zsh", () => {
  it("is read, and defines a completion of mcpctl", async () => {
    const run =
      "autoload -Uz compinit; compinit -u -d ./dump; source ./script; print -r -- ${_comps[mcpctl]}; mcpctl";
    expect((await complete("zsh", "", [], run)).out[0]).toBe("_mcpctl");
  });
});
