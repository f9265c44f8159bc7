import { describe, expect, it } from "vitest";
import { type Commands, defineGroup, defineVerb } from "../../../src/cli/core/command.ts";
import { AppError } from "../../../src/errors.ts";
import { type CliResult, cli } from "../../support/cli/run-cli.ts";

const seen: { args: unknown; flags: unknown }[] = [];

const fetchVerb = defineVerb({
  meta: { name: "fetch", description: "Fetch things" },
  output: ["json", "name"],
  args: {
    what: { type: "positional" },
    names: { type: "positional", required: false, multiple: true },
    data: { type: "string", multiple: true, alias: ["d", "datum"] },
    server: { type: "string" },
    tier: { type: "enum", options: ["fast", "heavy"] },
    watch: { type: "boolean", alias: "w" },
    quiet: { type: "boolean", alias: "q" },
    limit: { type: "string", default: "10" },
  },
  moreArgs: ([what]): Record<string, { type: "string" }> =>
    what === "fruit" ? { ripeness: { type: "string" } } : {},
  async run(args, context) {
    seen.push({ args, flags: context.flags });
  },
});

const failing = defineVerb({
  meta: { name: "failing", description: "Fails" },
  args: { how: { type: "positional" } },
  async run({ how }) {
    if (how === "answer") return 7;
    if (how === "bug") throw new TypeError("x is not a function");
    throw new AppError(how as "not_found", "it went wrong", {
      hint: "try again",
      details: [
        { path: "/url", message: "is required" },
        { path: "", message: "all of it\u001b[31m" },
      ],
    });
  },
});

const commands: Commands = {
  fetch: { summary: "Fetch things", load: async () => fetchVerb },
  failing: { summary: "Fail", load: async () => failing },
  group: {
    summary: "A group",
    load: async () =>
      defineGroup(
        { name: "group", description: "Groups" },
        { fetch: { summary: "f", load: async () => fetchVerb } },
      ),
  },
  both: {
    summary: "Does something, and has verbs",
    load: async () =>
      defineGroup(
        { name: "both", description: "Does both" },
        { fetch: { summary: "Fetch things", load: async () => fetchVerb } },
        defineVerb({
          meta: { name: "both", description: "Does both" },
          args: { listen: { type: "string" } },
          async run(args, context) {
            seen.push({ args, flags: context.flags });
          },
        }),
      ),
  },
  broken: { summary: "Never loaded", load: () => Promise.reject(new Error("this must not be loaded")) },
};

async function run(
  ...line: string[]
): Promise<CliResult & { args?: Record<string, unknown>; flags?: Record<string, unknown> }> {
  seen.length = 0;
  const outcome = await cli(line, { commands });
  return { ...outcome, ...(seen[0] as { args: Record<string, unknown>; flags: Record<string, unknown> }) };
}

describe("the arguments of a verb", () => {
  it("accepts global flags before and after the verb", async () => {
    const { flags } = await run("--context", "home", "fetch", "x", "-o", "json", "--timeout=5m", "-v");
    expect(flags).toEqual({
      output: "json",
      server: undefined,
      tokenFile: undefined,
      context: "home",
      project: undefined,
      direct: false,
      timeout: 300_000,
      verbose: true,
    });
  });

  it("prefers a verb's own flag to the global one of that name, behind the verb only", async () => {
    const { args, flags } = await run("--server", "http://global:1", "fetch", "x", "--server", "own");
    expect(args?.["server"]).toBe("own");
    expect(flags?.["server"]).toBe("http://global:1");
  });

  it("collects repeated flags under all their names", async () => {
    const { args } = await run("fetch", "x", "--data", "a=1", "-d", "b=2", "--datum=c=-3");
    expect(args?.["data"]).toEqual(["a=1", "b=2", "c=-3"]);
  });

  it("fills in defaults", async () => {
    const { args } = await run("fetch", "x");
    expect(args).toMatchObject({ what: "x", names: [], data: [], watch: false, limit: "10" });
    expect(args?.["tier"]).toBeUndefined();
  });

  it("reads words behind -- as they are", async () => {
    const { args } = await run("fetch", "x", "--", "--data", "-w");
    expect(args).toMatchObject({ names: ["--data", "-w"], data: [], watch: false });
  });

  it("reads short flags in one word, and a value with or without =", async () => {
    expect((await run("fetch", "x", "-wq")).args).toMatchObject({ watch: true, quiet: true });
    for (const word of ["-ojson", "-o=json", "--output=json"])
      expect((await run("fetch", "x", word)).flags?.["output"]).toBe("json");
  });

  it("accepts - and negative numbers as values", async () => {
    expect((await run("fetch", "x", "--limit", "-5", "--data", "-")).args).toMatchObject({
      limit: "-5",
      data: ["-"],
    });
  });

  it("accepts flags that depend on the first word", async () => {
    expect((await run("fetch", "fruit", "--ripeness", "soft")).args?.["ripeness"]).toBe("soft");
    expect((await run("fetch", "stone", "--ripeness", "soft")).code).toBe(2);
  });

  it("runs a verb of a group", async () => {
    expect((await run("group", "-o", "name", "fetch", "x")).flags?.["output"]).toBe("name");
  });
});

describe("a verb that runs by itself and has verbs", () => {
  it("runs by itself if no verb follows", async () => {
    const alone = await run("both");
    expect(alone.code).toBe(0);
    expect(alone.args).not.toHaveProperty("listen");
    const { args, flags } = await run("both", "--listen", "fetch", "-v");
    expect(args?.["listen"]).toBe("fetch");
    expect(flags?.["verbose"]).toBe(true);
  });

  it("runs another verb if the very next word names one", async () => {
    expect((await run("-v", "both", "fetch", "x")).args).toMatchObject({ what: "x" });
    const { code, stderr } = await run("both", "-v", "fetch", "x");
    expect(code).toBe(2);
    expect(stderr).toContain('unexpected argument "fetch"');
  });

  it("lists its flags and verbs in its help, and runs nothing", async () => {
    for (const line of [
      ["both", "--help"],
      ["both", "--listen", "x", "-h"],
    ]) {
      const { code, stdout } = await run(...line);
      expect(code).toBe(0);
      expect(stdout).toContain("Usage:  mcpctl both [VERB] [flags]");
      expect(stdout).toContain("  fetch  Fetch things");
      expect(stdout).toContain("--listen");
    }
    expect(seen).toEqual([]);
    expect((await run("both", "fetch", "--help")).stdout).toContain("mcpctl both fetch WHAT");
  });
});

describe("a usage error exits with 2 and suggests the nearest word", () => {
  it.each([
    [["fetsh", "x"], 'error: unknown verb "fetsh"\nhint: did you mean "fetch"? Run: mcpctl fetch --help\n'],
    [["zzz"], 'error: unknown verb "zzz"\nhint: to see all verbs: mcpctl --help\n'],
    [
      ["group", "fetsh"],
      'error: unknown verb "fetsh"\nhint: did you mean "fetch"? Run: mcpctl group fetch --help\n',
    ],
    [
      ["both", "fetsh"],
      'error: unknown verb "fetsh"\nhint: did you mean "fetch"? Run: mcpctl both fetch --help\n',
    ],
    [["fetch", "x", "--wach"], "error: unknown flag --wach\nhint: did you mean --watch?\n"],
    [["fetch", "x", "-z"], "error: unknown flag -z\nhint: for help: mcpctl fetch --help\n"],
    [["--wach", "fetch"], "error: unknown flag --wach\n"],
    [["fetch", "x", "--no-watch"], "error: unknown flag --no-watch\nhint: for help: mcpctl fetch --help\n"],
    [
      ["fetch"],
      "error: WHAT is missing\nhint: write: mcpctl fetch WHAT [NAMES...] [flags]; for help: mcpctl fetch --help\n",
    ],
    [
      ["fetch", "x", "--tier", "fats"],
      'error: --tier must be fast or heavy, not "fats"\nhint: did you mean "fast"?\n',
    ],
    [["fetch", "x", "--limit"], "error: --limit needs a value\nhint: for help: mcpctl fetch --help\n"],
    [
      ["fetch", "x", "--limit", "--watch"],
      "error: --limit needs a value, and --watch is a flag\nhint: if that is the value, write --limit=--watch\n",
    ],
    [["fetch", "x", "--watch=yes"], "error: --watch takes no value\nhint: for help: mcpctl fetch --help\n"],
    [
      ["fetch", "x", "--timeout", "soon"],
      'error: --timeout: "soon" is not a duration\nhint: write 30s, 5m or 1h\n',
    ],
    [["fetch", "x", "--timeout", "0"], "error: --timeout must be more than 0\nhint: write 30s, 5m or 1h\n"],
    [
      ["failing", "a", "b"],
      'error: unexpected argument "b"\nhint: write: mcpctl failing HOW [flags]; for help: mcpctl failing --help\n',
    ],
    [["constructor"], 'error: unknown verb "constructor"\nhint: to see all verbs: mcpctl --help\n'],
  ])("%j", async (line, text) => {
    const { code, stdout, stderr } = await run(...line);
    expect(stderr.startsWith(text)).toBe(true);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(seen).toEqual([]);
  });
});

describe("a failure", () => {
  it("prints the sentence, the faults and the hint on stderr with control characters escaped (T42)", async () => {
    const { code, stdout, stderr } = await run("failing", "not_found");
    expect(code).toBe(3);
    expect(stdout).toBe("");
    expect(stderr).toBe("error: it went wrong\n  /url: is required\n  all of it\\e[31m\nhint: try again\n");
  });

  it.each([
    ["forbidden", 4],
    ["unauthenticated", 4],
    ["conflict", 1],
    ["timed_out", 6],
    ["interrupted", 130],
    ["answer", 7],
  ])("%s exits with %d", async (how, code) => {
    expect((await run("failing", how)).code).toBe(code);
  });

  it("prints nothing if it was interrupted", async () => {
    expect((await run("failing", "interrupted")).stderr).toBe("");
  });

  it("prints an unexpected error as one line, and its stack only with -v", async () => {
    const plain = await run("failing", "bug");
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain("error: x is not a function\n");
    expect(plain.stderr).not.toContain("run.test.ts");
    expect((await run("failing", "bug", "-v")).stderr).toContain("run.test.ts");
  });
});

describe("help and version", () => {
  it.each([
    ["fetch", "--help"],
    ["fetch", "x", "-h"],
    ["-h", "fetch"],
    ["fetch", "--nonsense", "-h"],
  ])("%s %s goes to stdout and runs nothing", async (...line) => {
    const { code, stdout, stderr } = await run(...line);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Fetch things.\n\nUsage:  mcpctl fetch WHAT [NAMES...] [flags]\n");
    expect(seen).toEqual([]);
  });

  it("does not read -h behind -- as a flag", async () => {
    expect((await run("fetch", "x", "--", "-h")).args?.["names"]).toEqual(["-h"]);
  });

  it("lists the flags of the named kind", async () => {
    expect((await run("fetch", "fruit", "--help")).stdout).toContain("--ripeness");
    expect((await run("fetch", "--help")).stdout).not.toContain("--ripeness");
  });

  it("lists the verbs without loading them", async () => {
    for (const line of [[], ["--help"], ["-h"]]) {
      const { code, stdout } = await run(...line);
      expect(code).toBe(0);
      expect(stdout).toContain("  broken   Never loaded");
    }
  });

  it.each(["-v", "--version"])("%s alone is the version line", async (flag) => {
    const { code, stdout } = await run(flag);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^mcpctl \d+\.\d+\.\d+ \(commit \S+, built \S+, bun \d+\.\d+\.\d+\)\n$/);
  });
});

describe("colour", () => {
  const red = "\u001b[31merror:";
  it.each([
    ["a pipe", {}, undefined, false],
    ["a terminal", {}, [], true],
    ["a terminal with NO_COLOR", { NO_COLOR: "1" }, [], false],
    ["a terminal with an empty NO_COLOR", { NO_COLOR: "" }, [], true],
    ["a dumb terminal", { TERM: "dumb" }, [], false],
    ["a pipe with CLICOLOR_FORCE", { CLICOLOR_FORCE: "1" }, undefined, true],
  ] as const)("on %s", async (_, env, answers, colored) => {
    const around = { commands, env: { NO_COLOR: "", ...env }, ...(answers && { answers: [...answers] }) };
    const { stderr } = await cli("failing not_found", around);
    expect(stderr.includes(red)).toBe(colored);
  });

  it("follows --color before and after the verb", async () => {
    expect((await run("--color=always", "failing", "not_found")).stderr).toContain(red);
    expect((await run("failing", "not_found", "--color", "always")).stderr).toContain(red);
    const { stderr } = await cli("failing not_found --color=never", {
      commands,
      env: { NO_COLOR: "" },
      answers: [],
    });
    expect(stderr).not.toContain("\u001b");
  });
});
