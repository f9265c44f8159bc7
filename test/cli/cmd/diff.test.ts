import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unifiedDiff } from "../../../src/cli/cmd/diff/line-diff.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";

let server: FakeCatalogue;
beforeEach(() => {
  server = new FakeCatalogue();
});
afterEach(() => server.stop());

function diff(stdin: string) {
  return server.run(["diff", "-f", "-"], { stdin });
}

describe("diff", () => {
  it("prints what apply would change and exits with 1", async () => {
    server.seed("llms", { name: "claude", type: "anthropic", model: "old", poolName: "p" });
    const { code, stdout, stderr } = await diff(
      "kind: user\nname: new\n---\nkind: llm\nname: claude\ntype: anthropic\nmodel: new\npoolName: null\n",
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toBe(`--- llm/claude (live)
+++ llm/claude (standard input:4)
@@ -1,7 +1,6 @@
 kind: llm
 name: claude
 type: anthropic
-model: old
+model: new
 tier: fast
-poolName: p
 visibility: public
--- user/new (live)
+++ user/new (standard input:1)
@@ -0,0 +1,2 @@
+kind: user
+name: new
`);
    expect(server.writes).toEqual([]);
  });

  it("exits with 0 and prints nothing if nothing differs", async () => {
    server.seed("llms", { name: "claude", type: "anthropic", model: "m" });
    expect(await diff("llms: [{name: claude, type: anthropic, model: m, url: null}]\n")).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("prints added and removed keys of a secret and no value", async () => {
    server.seed("secrets", { name: "a", data: { old: "hunter1", same: "hunter2" } });
    const { code, stdout, stderr } = await diff(
      "kind: secret\nname: a\ndata: {old: null, new: hunter3, same: hunter4}\n",
    );
    expect(code).toBe(1);
    expect(stdout).toContain(" keys:\n-  - old\n+  - new\n   - same\n");
    expect(stderr).toBe("warning: secret 'a': values that are never shown are not compared\n");
    expect(stdout + stderr).not.toContain("hunter");
  });

  it("exits with 2 or more if it fails", async () => {
    expect(await diff("kind: lmm\nname: a\n")).toMatchObject({ code: 2, stdout: "" });
    await server.stop();
    const gone = await diff("kind: user\nname: a\n");
    expect(gone.code).toBe(2);
    expect(gone.stderr).toContain("the connection was refused");
  });
});

describe("unifiedDiff", () => {
  const names = ["a", "b"] as const;

  it("keeps three lines around a change and joins ranges that touch", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\n`);
    const after = lines.with(2, "two\n").with(8, "eight\n").toSpliced(25, 1);
    const text = unifiedDiff(lines.join(""), after.join(""), names);
    expect(text.match(/^@@.*$/gm)).toEqual(["@@ -1,12 +1,12 @@", "@@ -23,7 +23,6 @@"]);
  });

  it("turns one text into the other, and is empty for equal texts", () => {
    const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const text = (list: string[]) => list.map((line) => `${line}\n`).join("");
        const diff = unifiedDiff(text(before), text(after), names, 100);
        if (diff === "") {
          expect(before).toEqual(after);
          return;
        }
        const body = diff.split("\n").slice(3, -1);
        const side = (mark: string) => body.filter((line) => line[0] !== mark).map((line) => line.slice(1));
        expect(side("+")).toEqual(before);
        expect(side("-")).toEqual(after);
        const [, removed, added] = diff.match(/@@ -\d+,(\d+) \+\d+,(\d+) @@/)!;
        expect([Number(removed), Number(added)]).toEqual([before.length, after.length]);
      }),
    );
  });
});
