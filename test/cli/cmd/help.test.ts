import { describe, expect, it } from "vitest";
import { commands } from "../../../src/commands.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const verbs = Object.keys(commands).filter((name) => !commands[name]!.hidden);

describe("help", () => {
  it("shows all there is", async () => {
    const { code, stdout, stderr } = await cli([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("__complete");
    expectGolden("help.txt", stdout);
  });

  it.each(verbs)("of %s is the same by any way", async (verb) => {
    const { code, stdout, stderr } = await cli(["help", verb]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect((await cli([verb, "--help"])).stdout).toBe(stdout);
    expectGolden(`help-${verb}.txt`, stdout);
  });

  it.each(verbs)("of %s stands in the list as the verb calls itself", async (verb) => {
    const { meta } = await commands[verb]!.load();
    expect(meta.name).toBe(verb);
  });

  it.each(["flags", "environment", "exit-codes"])("has the topic %s", async (topic) => {
    expectGolden(`help-${topic}.txt`, (await cli(["help", topic])).stdout);
  });

  it("follows groups, and shows the flags of a kind", async () => {
    expect((await cli("help config set-context")).stdout).toContain("Usage:  mcpctl config set-context NAME");
    expect((await cli("help create llm")).stdout).toContain("--pool-name");
    expect((await cli("help create")).stdout).not.toContain("--pool-name");
  });

  it("suggests what is near", async () => {
    const { code, stderr } = await cli("help descrieb");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'error: no help for "descrieb"\nhint: did you mean "describe"?\n',
    });
  });
});
