import { describe, expect, it } from "vitest";
import { completions, manualPages, text } from "../../../scripts/release/man.ts";
import type { Commands } from "../../../src/cli/core/command.ts";
import { commands } from "../../../src/commands.ts";

const edition = { version: "1.2.3", date: new Date("2026-11-29T12:00:00Z") };
const pages = new Map(
  (await manualPages(commands, edition)).map(({ path, content }) => [path, String(content)]),
);
const page = (name: string) => pages.get(`man/man1/${name}.1`) ?? "";

/** The words that a manual page shows, as one line. */
function shown(roff: string): string {
  const words = ["groff", "-man", "-Tascii", "-P-cbou", "-rLL=200n"];
  const { stdout } = Bun.spawnSync(words, { stdin: new TextEncoder().encode(roff) });
  return stdout.toString().replace(/\s+/g, " ");
}

async function verbsOf(level: Commands, path: string[] = []): Promise<string[]> {
  const names: string[] = [];
  for (const [name, entry] of Object.entries(level)) {
    if (entry.hidden) continue;
    names.push([...path, name].join("-"));
    names.push(...(await verbsOf((await entry.load()).verbs ?? {}, [...path, name])));
  }
  return names;
}

describe("the manual pages", () => {
  it("are one for each verb and none for hidden ones", async () => {
    const names = (await verbsOf(commands)).map((name) => `man/man1/mcpctl-${name}.1`);
    expect([...pages.keys()].sort()).toEqual(["man/man1/mcpctl.1", ...names].sort());
    expect(pages.size).toBeGreaterThan(40);
    expect(pages.has("man/man1/mcpctl-internal.1")).toBe(false);
  });

  it("have the version and the day of the release, and no other time", () => {
    expect(page("mcpctl")).toContain('.TH MCPCTL 1 2026-11-29 "mcpctl 1.2.3"');
    expect([...pages.values()].join("")).not.toContain(new Date().toISOString().slice(0, 13));
  });

  it.skipIf(!Bun.which("groff"))("are read by groff without complaint, and show flags and examples", () => {
    for (const [path, roff] of pages) {
      const words = ["groff", "-man", "-Tascii", "-ww", "-z", "-rLL=300n"];
      const { stderr } = Bun.spawnSync(words, { stdin: new TextEncoder().encode(roff), stderr: "pipe" });
      expect([path, stderr.toString()]).toEqual([path, ""]);
    }
    const create = shown(page("mcpctl-create"));
    expect(create).toContain("OPTIONS OF LLM");
    expect(create).toContain("--api-key-ref");
    expect(create).toContain("mcpctl create secret anthropic --data api-key=-");
    expect(shown(page("mcpctl"))).toContain("MCPCTL_SERVER The server; --server and --context go first");
    expect(shown(page("mcpctl-config"))).toContain("mcpctl-config-set-context(1)");
  });

  it.skipIf(!Bun.which("groff"))("show a text as it is, whatever roff would make of it", () => {
    for (const line of [".SH not a heading", "'br", "a\\fBb\\n", '"quoted words" and -x', "--flag"])
      expect(shown(`.TH X 1\n.nh\n.SH Y\n${text(line)}\n`)).toContain(line);
  });
});

describe("the completion scripts", () => {
  it("have the names that the shells look for", () => {
    expect(completions().map(({ path }) => path)).toEqual([
      "completions/mcpctl.bash",
      "completions/_mcpctl",
      "completions/mcpctl.fish",
      "completions/mcpctl.ps1",
    ]);
    for (const { content } of completions()) expect(content).toContain("mcpctl __complete --");
  });
});
