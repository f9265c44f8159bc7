import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unifiedDiff } from "../../../src/cli/cmd/diff/line-diff.ts";
import { AppError } from "../../../src/errors.ts";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { cli } from "../../support/cli/run-cli.ts";

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

  it("shows what the server would make of an object", async () => {
    const live = server.seed("llms", { name: "gpt", type: "openai", model: "m", url: "http://a.test/v1" });
    const after = { ...live, url: "http://b.test/v1", tier: "heavy", version: 2 };
    const api = fakeApi({
      "GET /api/v1/llms/gpt": live,
      [`PUT /api/v1/llms/${live.id}`]: after,
    });
    const { code, stdout } = await cli(["diff", "-f", "-"], {
      server: api,
      stdin: "kind: llm\nname: gpt\ntype: openai\nmodel: m\nurl: HTTP://B.test/v1\n",
    });
    expect(code).toBe(1);
    expect(stdout).toContain("-url: http://a.test/v1\n-tier: fast\n+url: http://b.test/v1\n+tier: heavy\n");
  });

  it("reports what the server would refuse, shows the rest and exits with 2 or more", async () => {
    server.seed("llms", { name: "gpt", type: "openai", model: "m" });
    const refusal = new AppError("invalid_request", "llm is not valid", {
      details: [{ path: "/apiKeyRef", message: 'there is no secret "gone"' }],
    });
    server.refuse(({ method }) => method === "PUT", refusal);
    const { code, stdout, stderr } = await diff(
      "kind: llm\nname: gpt\ntype: openai\nmodel: m\napiKeyRef: {name: gone, key: k}\n---\nkind: user\nname: new\n",
    );
    expect(code).toBe(2);
    expect(stderr).toContain("error: standard input:1: llm 'gpt': llm is not valid\n");
    expect(stderr).toContain('  /apiKeyRef: there is no secret "gone"\n');
    expect(stdout).toContain("+name: new\n");
    expect(server.writes).toEqual([]);
  });

  it("says what it cannot check because an object of the same manifests is not there yet", async () => {
    const refusal = new AppError("invalid_request", "llm is not valid", {
      details: [{ path: "/apiKeyRef", message: 'there is no secret "openai"' }],
    });
    server.refuse(({ method, path }) => method === "POST" && path.includes("/llms"), refusal);
    const { code, stdout, stderr } = await diff(
      "kind: secret\nname: openai\ndata: {k: v}\n---\nkind: llm\nname: gpt\ntype: openai\nmodel: m\napiKeyRef: {name: openai, key: k}\n",
    );
    expect(code).toBe(1);
    expect(stderr).toBe("warning: llm 'gpt' is not checked to the end: it needs secret \"openai\"\n");
    expect(stdout).toContain("+apiKeyRef:\n+  name: openai\n+  key: k\n");
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
