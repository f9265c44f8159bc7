import { describe, expect, it } from "vitest";
import type { Commands } from "../../../src/cli/core/command.ts";
import { commands } from "../../../src/commands.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const verbs = Object.keys(commands).filter((name) => !commands[name]!.hidden);

describe("help", () => {
  it("lists all verbs", async () => {
    const { code, stdout, stderr } = await cli([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("__complete");
    expectGolden("help.txt", stdout);
  });

  it.each(verbs)("of %s is the same with help and with --help", async (verb) => {
    const { code, stdout, stderr } = await cli(["help", verb]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect((await cli([verb, "--help"])).stdout).toBe(stdout);
    expectGolden(`help-${verb}.txt`, stdout);
  });

  it.each(verbs)("lists %s under its own name", async (verb) => {
    const { meta } = await commands[verb]!.load();
    expect(meta.name).toBe(verb);
  });

  it.each([
    ["sdk-python", /It is in a file of its own in ~\/\.mcpctl\/tokens/, "backup"],
    ["curl", /writes settings for curl into a file, and prints the command/, "in all folders"],
  ])("of connect %s names the files that it writes, and no others", async (client, says, not) => {
    const text = (await cli(["connect", client, "--help"])).stdout.replaceAll(/\s+/g, " ");
    expect(text).toMatch(says);
    expect(text).not.toContain(not);
  });

  it.each(["flags", "environment", "exit-codes"])("has the topic %s", async (topic) => {
    expectGolden(`help-${topic}.txt`, (await cli(["help", topic])).stdout);
  });

  it("of every verb begins with a sentence and has examples; a paragraph tells a newcomer the rest", async () => {
    const check = async (path: string, entries: Commands) => {
      for (const [name, entry] of Object.entries(entries).filter(([, { hidden }]) => !hidden)) {
        const { meta, verbs } = await entry.load();
        expect(meta.description, `${path} ${name}`).toMatch(/^[A-Z][^.]*$/);
        expect(meta.examples?.length, `${path} ${name}`).toBeGreaterThan(0);
        for (const [, purpose] of meta.examples!) expect(purpose).toMatch(/^[A-Z][^#]*[^.]$/);
        if (path !== "config") expect(meta.about?.length, `${path} ${name}`).toBeGreaterThan(40);
        if (verbs) await check(name, verbs);
      }
    };
    await check("", commands);
  });

  it("breaks its paragraphs at 80 characters", async () => {
    for (const verb of verbs) {
      const { stdout } = await cli([verb, "--help"]);
      const paragraphs = stdout.slice(0, stdout.indexOf("Usage:")).split("\n").slice(1);
      for (const line of paragraphs) expect(line.length, `${verb}: ${line}`).toBeLessThanOrEqual(80);
    }
  });

  it("shows the verbs of groups and the flags of a kind", async () => {
    expect((await cli("help config set-context")).stdout).toContain("Usage:  mcpctl config set-context NAME");
    expect((await cli("help create llm")).stdout).toContain("--pool-name");
    expect((await cli("help create")).stdout).not.toContain("--pool-name");
  });

  it("suggests the nearest verb", async () => {
    const { code, stderr } = await cli("help descrieb");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'error: no help for "descrieb"\nhint: did you mean "describe"?\n',
    });
  });
});
