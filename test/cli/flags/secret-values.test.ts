import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Value } from "../../../src/cli/core/command.ts";
import { fieldsFrom } from "../../../src/cli/flags/fields.ts";
import { kindOf } from "../../../src/kinds/index.ts";
import { fakeTerminal, flags } from "../../support/cli/fake-terminal.ts";

const now = Date.parse("2026-11-21T10:00:00Z");

function fields(
  kind: string,
  args: Record<string, Value>,
  source: Partial<Parameters<typeof fieldsFrom>[3]> = {},
) {
  const context = { cwd: "/", terminal: fakeTerminal(), now: () => now, flags, ...source };
  return fieldsFrom(kindOf(kind), "it", args, context);
}

describe("secret values", () => {
  it("come from the argument, a file or standard input, without the last line break (T15)", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-flags-"));
    writeFileSync(join(cwd, "key"), "from a file\r\n");
    const at = fakeTerminal({ stdin: "from stdin\n" });
    const data = ["plain=a=b", "file=@key", "stdin=-"];
    expect(await fields("secret", { data }, { cwd, terminal: at })).toEqual({
      data: { plain: "a=b", file: "from a file", stdin: "from stdin" },
    });
    expect(at.stdout).toBe("");
    expect(at.stderr).toBe(
      "file: the line break at the end was removed\nstdin: the line break at the end was removed\n",
    );
  });

  it("are kept byte by byte: a byte order mark and bytes that are no UTF-8 are refused (failure mode 88)", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "mcpctl-flags-"));
    writeFileSync(join(cwd, "marked"), "\ufeffkey\r\n");
    writeFileSync(join(cwd, "utf16"), Buffer.from("\ufeffkey", "utf16le"));
    writeFileSync(join(cwd, "latin1"), Buffer.from("schlüssel", "latin1"));
    await expect(fields("secret", { data: ["k=@marked"] }, { cwd })).rejects.toThrow("byte order mark");
    await expect(fields("secret", { data: ["k=@utf16"] }, { cwd })).rejects.toThrow(
      "utf16 is not UTF-8 text",
    );
    await expect(fields("secret", { data: ["k=@latin1"] }, { cwd })).rejects.toThrow(
      "latin1 is not UTF-8 text",
    );
    const marked = fakeTerminal({ stdin: "\ufeffkey" });
    await expect(fields("secret", { data: ["k=-"] }, { terminal: marked })).rejects.toThrow(
      "byte order mark",
    );
  });

  it.each(["a\nb", "a\rb", "a\0b", "a\n\n"])(
    "refuse characters that would split a header: %j (T14)",
    async (stdin) => {
      await expect(
        fields("secret", { data: ["k=-"] }, { terminal: fakeTerminal({ stdin }) }),
      ).rejects.toThrow(/the value of k cannot be used: character 2 of . is a (line break|NUL), which/);
    },
  );

  it.each([
    [["k=-", "l=-"], "standard input can be read only once: use - for one key"],
    [["k=hunter2", "k=hunter2"], "the key k is given twice"],
    [["k="], "the value of k is empty"],
    [["k=@"], "k=@ needs the name of a file behind the @"],
    [["hunter2"], "--data takes KEY=VALUE"],
    [["k=@/nowhere"], "cannot read /nowhere: no such file"],
  ])("refuse %j and print no value", async (data, message) => {
    const refused = await fields("secret", { data }).catch((error) => error);
    expect(refused.code).toBe("usage");
    expect(refused.message).toBe(message);
    expect(JSON.stringify(refused)).not.toContain("hunter2");
  });
});

describe("a password", () => {
  it("is read from standard input without a terminal", async () => {
    const at = fakeTerminal({ stdin: "correct horse\n" });
    expect(await fields("user", { "password-stdin": true }, { terminal: at })).toEqual({
      password: "correct horse",
    });
    expect(await fields("user", {}, { terminal: fakeTerminal({ stdin: "not read" }) })).toEqual({});
  });

  it("is asked for twice and hidden on a terminal; an empty one is none", async () => {
    const at = fakeTerminal({ answers: ["correct horse", "correct horse"] });
    expect(await fields("user", { "password-stdin": true }, { terminal: at })).toEqual({
      password: "correct horse",
    });
    expect(at.prompts).toEqual(["Password for it: (hidden)", "Repeat the password: (hidden)"]);
    expect(at.stdout + at.stderr).toBe("");
    expect(await fields("user", {}, { terminal: fakeTerminal({ answers: ["", ""] }) })).toEqual({});
    const typo = fakeTerminal({ answers: ["correct horse", "corect horse"] });
    await expect(fields("user", {}, { terminal: typo })).rejects.toThrow("the two passwords differ");
  });
});

it("on a terminal `-` asks for each value, and shows none of them (T314)", async () => {
  const at = fakeTerminal({ answers: ["one", "two"] });
  const values = await fields("secret", { data: ["a=-", "b=-"] }, { terminal: at });
  expect(values).toEqual({ data: { a: "one", b: "two" } });
  expect(at.prompts).toEqual(["Value of a: (hidden)", "Value of b: (hidden)"]);
});
