import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Resource } from "../../../src/kinds/define.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";

let server: FakeCatalogue;
let claude: Resource;
beforeEach(() => {
  server = new FakeCatalogue();
  claude = server.seed("llms", {
    name: "claude",
    type: "anthropic",
    model: "m",
    poolName: "p",
    extraConfig: { timeouts: { silence: 60, connect: 5 }, note: "x" },
  });
});
afterEach(() => server.stop());

function patch(...words: string[]) {
  return server.run(["patch", ...words], { stdin: "from stdin\n" });
}

describe("patch", () => {
  it("changes the named fields, each with the type of its schema", async () => {
    const { code, stdout, stderr } = await patch(
      "llm",
      "claude",
      "tier=heavy",
      "description=123",
      'apiKeyRef={"name":"a","key":"b=c"}',
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "llm 'claude' patched\n", stderr: "" });
    expect(server.writes).toEqual([
      {
        method: "PUT",
        path: `/api/v1/llms/${claude.id}`,
        body: { tier: "heavy", description: "123", apiKeyRef: { name: "a", key: "b=c" } },
      },
    ]);
    server.seed("groups", { name: "g", members: [] });
    await patch("group/g", 'members=["a","b"]');
    expect(server.find("groups", "g")).toMatchObject({ members: ["a", "b"] });
    await patch("group/g", "members=c,d");
    expect(server.find("groups", "g")).toMatchObject({ members: ["c", "d"] });
  });

  it("--dry-run lets the server check the change, and changes nothing", async () => {
    const outcome = await patch("llm/claude", "tier=heavy", "--dry-run");
    expect(outcome).toMatchObject({ code: 0, stdout: "llm 'claude' patched (dry run)\n" });
    expect(server.calls.at(-1)).toMatchObject({
      method: "PUT",
      path: `/api/v1/llms/${claude.id}?dryRun=true`,
      body: { tier: "heavy" },
    });
    expect(server.find("llms", "claude")).toMatchObject({ tier: "fast", version: 1 });
  });

  it("takes SECRET/KEY, or JSON, for a reference to a key", async () => {
    for (const value of ["work/keys/main", '{"name":"work","key":"keys/main"}']) {
      await patch("llm/claude", `apiKeyRef=${value}`);
      expect(server.writes.pop()?.body).toEqual({ apiKeyRef: { name: "work", key: "keys/main" } });
    }
    const { code, stderr } = await patch("llm/claude", "apiKeyRef=sk-typed-by-mistake");
    expect(code).toBe(2);
    expect(stderr).toContain("apiKeyRef takes SECRET/KEY");
    expect(stderr).not.toContain("sk-typed");
  });

  it("says what to do instead where a field cannot be changed", async () => {
    expect(await patch("llm/claude", "type=openai")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        "hint: to have another one, delete it and create it again: mcpctl delete llm claude\n",
      ),
    });
  });

  it.each(["poolName=", "poolName=null"])("clears a field with %s", async (change) => {
    await patch("llm/claude", change);
    expect(server.writes[0]?.body).toEqual({ poolName: null });
  });

  it("changes a field inside another, with the version that it has read", async () => {
    await patch(
      "llm",
      "claude",
      "extraConfig.timeouts.silence=30",
      "extraConfig.timeouts.connect=",
      "extraConfig.new.deep=[1]",
    );
    expect(server.writes[0]?.body).toEqual({
      extraConfig: { timeouts: { silence: 30 }, note: "x", new: { deep: [1] } },
      version: 1,
    });
  });

  it("changes a setting by its old path in extraConfig, and keeps the other settings of its field", async () => {
    const timeouts = { silence: 60, connect: 5 };
    const local = server.seed("llms", { name: "local", type: "openai", model: "m", timeouts });
    await patch("llm", "local", "extraConfig.timeouts.silence=30", "timeouts.firstByte=9");
    expect(server.writes[0]).toMatchObject({
      path: `/api/v1/llms/${local.id}`,
      body: { timeouts: { silence: 30, connect: 5, firstByte: 9 }, version: 1 },
    });
    // The server moves it if the field is not set.
    await patch("llm", "local", "extraConfig.limits.maxConcurrent=4");
    expect(server.writes[1]?.body).toEqual({ extraConfig: { limits: { maxConcurrent: 4 } }, version: 2 });
  });

  it("sets a secret's value from standard input and leaves the other values alone", async () => {
    server.seed("secrets", { name: "s", data: { a: "1", b: "2" } });
    const { stdout, stderr } = await patch("secret", "s", "data.a=-", "data.b=null");
    expect(stdout).toBe("secret 's' patched\n");
    expect(stderr).toBe("data.a: the line break at the end was removed\n");
    expect(server.writes[0]?.body).toEqual({ data: { a: "from stdin", b: null } });
  });

  it("says unchanged if the server has changed nothing, and prints the object with -o", async () => {
    expect((await patch("llm", "claude", "model=m")).stdout).toBe("llm 'claude' unchanged\n");
    expect(JSON.parse((await patch("llm", "claude", "model=n", "-o", "json")).stdout)).toMatchObject({
      model: "n",
    });
    expect((await patch("llm", "claude", "model=o", "-o", "yaml")).stdout).toContain("model: o\n");
  });

  it.each([
    [["llm", "claude", "modle=x"], 'modle: unknown field; did you mean "model"?'],
    [["llm", "claude", "type=openai"], "type cannot be changed"],
    [["llm", "claude", "name=other"], "name cannot be changed"],
    [["llm", "claude", "status=active"], "status is set by the server"],
    [["llm", "claude", "model.x=1"], "model has no inner fields"],
    [["llm", "claude", "extraConfig..x=1"], '"extraConfig..x" is not the path of a field'],
    [["llm", "claude", "model"], "each change is written as FIELD=VALUE"],
    [["llm", "claude"], "FIELD=VALUE is missing"],
    [["llm"], "the name of the llm is missing"],
    [["secret", "s", "data=hunter2"], "data needs a key: data.KEY=VALUE"],
    [["user", "u", "password=hunter2"], "a password cannot be given as an argument"],
  ])("%j is a usage error and changes nothing", async (words, message) => {
    server.seed("secrets", { name: "s", data: { a: "1" } });
    server.seed("users", { name: "u" });
    const { code, stdout, stderr } = await patch(...words);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).not.toContain("hunter2");
    expect(server.writes).toEqual([]);
  });

  it("suggests the nearest name if there is no such object", async () => {
    const { code, stderr } = await patch("llm", "cluade", "model=x");
    expect(code).toBe(3);
    expect(stderr).toContain('llm "cluade" not found');
    expect(stderr).toContain('did you mean "claude"?');
  });
});
