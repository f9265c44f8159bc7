import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { catalogueResponses, failure, fakeApi, rows } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const deletions = {
  ...catalogueResponses(),
  "DELETE /api/v1/llms/claude": undefined,
  "DELETE /api/v1/llms/qwen-alice": undefined,
  "DELETE /api/v1/secrets/anthropic": undefined,
};

function deleted(server: { requests: string[] }): string[] {
  return server.requests.filter((call) => call.startsWith("DELETE"));
}

describe("delete", () => {
  it("prints a line for each object", async () => {
    const server = fakeApi(deletions);
    expect(await cli("delete llm claude", { server })).toMatchObject({
      code: 0,
      stdout: "llm 'claude' deleted\n",
      stderr: "",
    });
    expect(await cli("delete secret/anthropic llm/claude", { server })).toMatchObject({
      code: 0,
      stdout: "secret 'anthropic' deleted\nllm 'claude' deleted\n",
    });
    expect((await cli("delete llm claude -o name", { server })).stdout).toBe("llm/claude\n");
  });

  it("prints JSON and nothing else with -o json, also after a failure", async () => {
    const server = fakeApi({
      ...deletions,
      "DELETE /api/v1/llms/qwen-alice": () => failure(409, "still_referenced", "it is used"),
    });
    const one = await cli("delete llm claude -o json", { server });
    expect(JSON.parse(one.stdout)).toEqual({ kind: "llm", name: "claude", result: "deleted" });
    const some = await cli("delete llm qwen-alice claude -o json", { server });
    expect(some.code).toBe(1);
    expect(JSON.parse(some.stdout)).toEqual([
      { kind: "llm", name: "qwen-alice", result: "failed" },
      { kind: "llm", name: "claude", result: "deleted" },
    ]);
    expect((await cli("delete llm claude -o yaml", { server })).stdout).toBe(
      "kind: llm\nname: claude\nresult: deleted\n",
    );
    const wide = await cli("delete llm claude -o wide", { server });
    expect(wide).toMatchObject({ code: 2, stdout: "" });
  });

  it("continues after a failure and exits with its code", async () => {
    const server = fakeApi({
      ...deletions,
      "DELETE /api/v1/llms/qwen-alice": () =>
        failure(409, "still_referenced", 'agent "a" still refers to it'),
    });
    const { code, stdout, stderr } = await cli("delete llm claudo qwen-alice claude", { server });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "llm 'claude' deleted\n" });
    expect(stderr).toContain('llm "claudo" not found\nhint: did you mean "claude"?');
    expect(stderr).toContain('error: agent "a" still refers to it\n');
  });

  it("asks on a terminal before it deletes more than one object", async () => {
    for (const answer of ["n", "", "nope"]) {
      const server = fakeApi(deletions);
      const outcome = await cli("delete llm claude qwen-alice", { server, answers: [answer] });
      expect(outcome).toMatchObject({ code: 1, stdout: "", prompts: ["Delete these 2? [y/N] "] });
      expect(outcome.stderr).toBe("  llm/claude\n  llm/qwen-alice\nNothing was deleted.\n");
      expect(deleted(server)).toEqual([]);
    }
    const server = fakeApi(deletions);
    expect(await cli("delete llm claude qwen-alice", { server, answers: ["Y"] })).toMatchObject({ code: 0 });
    expect(deleted(server)).toHaveLength(2);
  });

  it("does not ask for one object, with --force, or without a terminal", async () => {
    const server = fakeApi(deletions);
    expect((await cli("delete llm claude", { server, answers: [] })).prompts).toEqual([]);
    expect((await cli("delete llm claude qwen-alice --force", { server, answers: [] })).prompts).toEqual([]);
    expect((await cli("delete llm claude qwen-alice", { server })).prompts).toEqual([]);
    expect(deleted(server)).toHaveLength(5);
  });

  it("deletes the objects of a manifest, those that refer to others first", async () => {
    const server = fakeApi({
      ...deletions,
      "DELETE /api/v1/tokens/ci": undefined,
      "DELETE /api/v1/projects/website": undefined,
    });
    const home = newHome();
    const file = join(home, "all.yaml");
    writeFileSync(
      file,
      "kind: secret\nname: anthropic\ndata: {k: v}\n---\nkind: project\nname: website\n---\nkind: token\nname: ci\nproject: website\n---\nkind: llm\nname: claude\ntype: anthropic\nmodel: m\n",
    );
    const { code, stdout } = await cli(["delete", "-f", file], { server, home });
    expect(code).toBe(0);
    expect(stdout).toBe(
      "token 'ci' deleted\nproject 'website' deleted\nllm 'claude' deleted\nsecret 'anthropic' deleted\n",
    );
    expect(deleted(server)[0]).toBe("DELETE /api/v1/tokens/ci?project=website");
  });

  it("--dry-run asks nothing, and says which deletions wait for others of the same command", async () => {
    const used = (by: string) => () =>
      failure(409, "still_referenced", `secret "anthropic" is still used by ${by}`);
    const server = fakeApi({
      ...deletions,
      "DELETE /api/v1/secrets/anthropic": used('llm "claude"'),
    });
    const dry = (line: string) => cli(`delete ${line} --dry-run`, { server, answers: [] });
    expect(await dry("llm/claude secret/anthropic")).toMatchObject({
      code: 0,
      prompts: [],
      stdout: `llm 'claude' deleted (dry run)
secret 'anthropic' deleted (dry run; not checked to the end, it is used by llm "claude")
`,
    });
    expect(deleted(server)).toEqual([
      "DELETE /api/v1/llms/claude?dryRun=true",
      "DELETE /api/v1/secrets/anthropic?dryRun=true",
    ]);
    // In the other order the secret would be refused.
    const turned = await dry("secret/anthropic llm/claude");
    expect(turned).toMatchObject({ code: 1, stdout: "llm 'claude' deleted (dry run)\n" });
    expect(turned.stderr).toContain('error: secret "anthropic" is still used by llm "claude"');
    for (const others of ['llm "claude", llm "b"', 'llm "claude", 1 that you may not see']) {
      const server = fakeApi({ ...deletions, "DELETE /api/v1/secrets/anthropic": used(others) });
      const { code } = await cli("delete llm/claude secret/anthropic --dry-run", { server });
      expect([others, code]).toEqual([others, 1]);
    }
  });

  it("--dry-run is refused for what the server cannot try", async () => {
    const server = fakeApi(deletions);
    for (const one of ["thread/thr_1", "task/tsk_1"])
      expect(await cli(`delete ${one} --dry-run`, { server })).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("--dry-run is not possible for"),
      });
    expect(deleted(server)).toEqual([]);
  });

  it("needs names or --all", async () => {
    const server = fakeApi({
      ...deletions,
      "GET /api/v1/tokens": rows("token", { name: "ci", project: "p" }, { name: "ci" }),
      "DELETE /api/v1/tokens/ci": undefined,
    });
    expect(await cli("delete llms", { server })).toMatchObject({ code: 2, stdout: "" });
    expect(await cli("delete", { server })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("KIND is missing"),
    });
    expect(await cli("delete llm x -f y", { server })).toMatchObject({ code: 2 });
    expect(deleted(server)).toEqual([]);
    expect((await cli("delete tokens --all", { server })).code).toBe(0);
    expect(deleted(server)).toEqual([
      "DELETE /api/v1/tokens/ci?project=p",
      "DELETE /api/v1/tokens/ci?project=",
    ]);
  });

  it.each(["..", "%2e%2e", "a?b"])("never sends the name %s", async (name) => {
    const server = fakeApi(deletions);
    expect((await cli(["delete", "llm", name], { server })).code).toBe(3);
    expect(deleted(server)).toEqual([]);
  });
});
