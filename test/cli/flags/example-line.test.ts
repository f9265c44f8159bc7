import { describe, expect, it } from "vitest";
import { globalArgs } from "../../../src/cli/core/globals.ts";
import { parse } from "../../../src/cli/core/parse.ts";
import { argsOf } from "../../../src/cli/flags/define.ts";
import { createUsage, exampleLine } from "../../../src/cli/flags/example-line.ts";
import { fieldsFrom } from "../../../src/cli/flags/fields.ts";
import { kinds } from "../../../src/kinds/index.ts";
import { fakeTerminal, flags as noFlags } from "../../support/cli/fake-terminal.ts";
import { cli } from "../../support/cli/run-cli.ts";

const creatable = kinds.filter(({ writes }) => writes.includes("create"));

/** The words of a line, as a shell reads them. */
function shellWords(line: string): string[] {
  const words = line.match(/(?:'[^']*'|\\'|[^\s'\\])+/g) ?? [];
  return words.map((word) => word.replaceAll("\\'", "\u0000").replaceAll("'", "").replaceAll("\u0000", "'"));
}

describe("the example of a kind as a command line", () => {
  it.each(creatable.map((kind) => [kind.kind, kind] as const))(
    "%s gives the fields of the example",
    async (_, kind) => {
      const [verb, word, name, ...rest] = shellWords(exampleLine(kind));
      expect([verb, word, name]).toEqual(["create", kind.kind, kind.example.name]);
      const values = parse(rest, { ...globalArgs, ...argsOf(kind) });
      const terminal = fakeTerminal({ stdin: "a-value" });
      const flags = { ...noFlags, project: values["project"] as string | undefined };
      const fields = await fieldsFrom(kind, name!, values, {
        cwd: "/",
        now: () => 0,
        terminal,
        flags,
      } as never);
      const { name: __, ...wanted } = kind.example;
      const shown = Object.fromEntries(
        Object.entries(wanted).filter(([field]) => !kind.writeOnly.includes(field)),
      );
      expect(fields).toMatchObject(shown);
    },
  );

  it("is in the help of create KIND, whose usage names what is needed first", async () => {
    for (const kind of creatable) {
      const { code, stdout } = await cli(`create ${kind.kind} --help`);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage:  mcpctl create ${createUsage(kind)}\n`);
      expect(stdout).toContain(`# `);
      expect(stdout).toContain(kind.summary.split(" ").slice(0, 3).join(" "));
    }
    expect((await cli("help create llm")).stdout).toBe((await cli("create llm --help")).stdout);
    expect((await cli("create llm --help")).stdout).toContain(
      "Usage:  mcpctl create llm NAME --type TYPE --model MODEL [flags]",
    );
  });
});
