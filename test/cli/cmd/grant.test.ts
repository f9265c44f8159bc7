import { describe, expect, it } from "vitest";
import { cli } from "../../support/cli/run-cli.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";

const llm = (name: string) => ({ name, type: "openai", model: "m", url: "http://127.0.0.1:9/v1" });

/** A server with alice in the group friends, and what runs commands there as the administrator or with a bearer. */
async function setUp() {
  const server = await testServer();
  const alice = await server.user("alice");
  await must(server.admin("POST", "/api/v1/groups", { name: "friends", members: ["alice"] }));
  await must(server.admin("POST", "/api/v1/llms?probe=false", llm("claude")));
  const run = (line: string, bearer?: string) =>
    cli(line, {
      server: { url: bearer === undefined ? `unix://${server.socketPath}` : server.url },
      ...(bearer !== undefined && { env: { MCPCTL_TOKEN: bearer } }),
    });
  return { server, alice, run };
}

const bindings = async (server: TestServer) => (await server.admin("GET", "/api/v1/rbac")).body;

describe("grant and revoke", () => {
  it("give and take one right, and tell by what a user still has it", async () => {
    const { server, run } = await setUp();
    expect(await run("grant alice run llm/claude")).toMatchObject({
      code: 0,
      stdout: "run llms/claude: granted to user alice (rbac/alice-run-llms-claude)\n",
      stderr: "",
    });
    expect((await run("grant alice run llms/claude")).stdout).toContain("granted already");
    expect((await run("grant group:friends run llms")).stdout).toContain("(rbac/friends-run-llms)");
    expect((await run("grant alice run backup")).stdout).toContain("(rbac/alice-run-backup)");
    expect(await bindings(server)).toHaveLength(3);
    const listed = await run("auth can-i --list --as alice");
    expect(listed.stdout).toBe(
      [
        "MAY   ON            RULE                         THROUGH",
        "run   backup        rbac/alice-run-backup        user alice",
        "run   llms/claude   rbac/alice-run-llms-claude   user alice",
        "run   llms          rbac/friends-run-llms        group friends\n",
      ].join("\n"),
    );
    expect((await run("auth can-i run llms/claude --as alice")).stdout).toBe("yes\n");
    expect((await run("auth can-i create llms --as alice")).code).toBe(1);
    const described = (await run("describe user alice")).stdout;
    expect(described).toContain("Rights:\n  run   backup        by rbac/alice-run-backup\n");
    expect(described).toContain("(group friends)");
    expect(described).toContain("Tokens:\n  none\n");
    expect(await run("revoke alice run llms/claude")).toMatchObject({
      code: 0,
      stdout: "run llms/claude: revoked from user alice (rbac/alice-run-llms-claude)\n",
      stderr: "warning: user alice still has it by rbac/friends-run-llms (group friends)\n",
    });
    expect(await run("revoke alice run llms/claude")).toMatchObject({ code: 3, stdout: "" });
    expect((await run("revoke group:friends run llms")).code).toBe(0);
    expect((await bindings(server)).map(({ name }: { name: string }) => name)).toEqual(["alice-run-backup"]);
    expect((await run("auth can-i run llms/claude --as alice")).stdout).toBe("no\n");
  });

  it("change no binding of others, and none whose other grants a change would give anew", async () => {
    const { server, run } = await setUp();
    const subjects = [
      { kind: "User", name: "alice" },
      { kind: "Group", name: "friends" },
    ];
    const roleBindings = [{ role: "run", resource: "llms" }];
    await must(server.admin("POST", "/api/v1/rbac", { name: "shared", subjects, roleBindings }));
    const named = [...roleBindings, { role: "view", resource: "llms", name: "claude" }];
    const own = { name: "own", subjects: subjects.slice(0, 1), roleBindings: named };
    await must(server.admin("POST", "/api/v1/rbac", own));
    const before = await bindings(server);
    const refused = await run("revoke alice run llms");
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("mcpctl edit rbac own");
    expect((await run("grant alice run llms")).stdout).toContain("granted already");
    expect(await bindings(server)).toEqual(before);
  });

  it("let nobody give what they do not have, nor mistyped words", async () => {
    const { server, alice, run } = await setUp();
    await must(
      server.admin("POST", "/api/v1/rbac", {
        name: "binder",
        subjects: [{ kind: "User", name: "alice" }],
        roleBindings: [{ role: "edit", resource: "rbac" }],
      }),
    );
    const before = await bindings(server);
    expect(await run("grant alice run llms", alice.bearer)).toMatchObject({ code: 4, stdout: "" });
    expect(await run("grant alice edit *", alice.bearer)).toMatchObject({ code: 4, stdout: "" });
    for (const line of [
      "grant alice run llmz",
      "grant alice fly llms",
      "grant alice run bakcup",
      "grant alice",
    ])
      expect((await run(line)).code, line).toBe(2);
    expect((await run("grant alice run llmz")).stderr).toContain('did you mean "llm"?');
    expect((await run("auth can-i run llmz")).stderr).toContain('did you mean "llm"?');
    const nobody = await run("grant nobody run llms");
    expect(nobody.code).toBe(3);
    expect(nobody.stderr).toMatch(
      /^error: there is no user "nobody"\nhint: to see what there is: mcpctl get users\n/,
    );
    const nothing = await run("grant alice run llms/none");
    expect(nothing.code).toBe(3);
    expect(nothing.stderr).toMatch(
      /^error: there is no llm "none"\nhint: to see what there is: mcpctl get llms\n/,
    );
    const mistyped = await run("grant alice run llms/cluade");
    expect(mistyped.stderr).toMatch(/^error: there is no llm "cluade"; did you mean "claude"\?\n/);
    expect(await bindings(server)).toEqual(before);
  });
});

describe("tokens of one's own", () => {
  it("are listed, rotated and deleted by their owner; an administrator makes one for somebody", async () => {
    const { run, alice, server } = await setUp();
    const made = await run("create token ci --user alice --bind role:run,resource:llms");
    const first = made.stdout.split("\n")[1]!;
    expect(first).toMatch(/^mcpctl_pat_/);
    expect((await run("get tokens -o name", alice.bearer)).stdout).toBe("token/ci\n");
    const rotated = await run("rotate token ci", alice.bearer);
    expect(rotated).toMatchObject({ code: 0, stderr: expect.stringContaining("token 'ci' rotated") });
    expect(rotated.stdout).toMatch(/^mcpctl_pat_\w+\n$/);
    expect(rotated.stdout.trim()).not.toBe(first);
    expect((await server.as(first)("GET", "/v1/models")).status).toBe(401);
    expect((await run("whoami", rotated.stdout.trim())).stdout).toMatch(/User: +alice\n/);
    expect((await run("rotate token none", alice.bearer)).code).toBe(4);
    expect((await run("create token x --user admin", alice.bearer)).code).toBe(4);
    expect((await run("create token x --user alice --force")).code).toBe(2);
    expect((await run("delete token ci", alice.bearer)).code).toBe(0);
  });

  it("print no bearer with --force where they exist, and say how to get one", async () => {
    const { run } = await setUp();
    const line = "create token ci --bind role:run,resource:llms --force";
    expect((await run(line)).stdout).toMatch(/^mcpctl_pat_/m);
    const again = await run(line);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("unchanged") });
    expect(again.stderr).toContain("for a new one: mcpctl rotate token ci");
    const other = await run("create token ci --bind role:view,resource:llms --force");
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("hint: delete it first: mcpctl delete token ci");
  });
});
