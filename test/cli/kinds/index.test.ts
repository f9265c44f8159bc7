import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { extendedKinds, extensionOf } from "../../../src/cli/kinds/index.ts";
import { kinds } from "../../../src/kinds/index.ts";

const root = new URL("../../../", import.meta.url).pathname;

describe("the list of kinds with additions to the command line", () => {
  it("names kinds that exist, each with something to add", async () => {
    const known = kinds.map(({ kind }) => kind);
    for (const name of extendedKinds) {
      expect(known).toContain(name);
      expect(Object.keys(await extensionOf(name)).length, name).toBeGreaterThan(0);
    }
  });

  it("adds nothing for another kind, one of a newer server, or a property of Object", async () => {
    for (const name of ["group", "instance", "constructor", "__proto__"])
      expect(await extensionOf(name)).toEqual({});
  });
});

describe("a verb that works on every kind", () => {
  const verbs = ["get", "describe", "create", "apply", "diff", "edit", "patch", "delete", "explain", "wait"];
  const shared = ["flags", "manifest", "output"].map((folder) => `src/cli/${folder}/*.ts`);
  const files = [...verbs.map((verb) => `src/cli/cmd/${verb}.ts`), ...shared].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync(root),
  ]);
  const quoted = new RegExp(`["'](${kinds.flatMap(({ kind, plural }) => [kind, plural]).join("|")})["']`);

  it("names no kind, because additions are in src/cli/kinds", () => {
    expect(files.length).toBeGreaterThan(30);
    // `-p NAME` is the flag of the field that scopes names; `secret` and `grant` are ways to read a flag; acronyms are
    // upper case.
    const allowed =
      /\.project\b|\["project"\]|scopedBy === "project"|(parse|form) [!=]== "(secret|grant)"|acronyms = /;
    for (const path of files) {
      const lines = readFileSync(`${root}${path}`, "utf8").split("\n");
      expect(
        lines.filter((line) => quoted.test(line) && !allowed.test(line)),
        path,
      ).toEqual([]);
    }
  });
});
