import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { FakeCatalogue } from "../../support/cli/fake-catalogue.ts";
import { fakeTerminal } from "../../support/cli/fake-terminal.ts";
import { expectGolden } from "../../support/cli/golden.ts";

let server: FakeCatalogue;
beforeEach(() => {
  server = new FakeCatalogue();
});
afterEach(() => server.stop());

const llm = ["create", "llm", "claude", "--type", "anthropic", "--model", "claude-sonnet-5"];

describe("create", () => {
  it("prints one line for each object", async () => {
    const lines = [
      ["create", "secretbackend", "second", "--type", "plaintext", "--default"],
      [
        "create",
        "secretbackend",
        "bao",
        "--type",
        "openbao",
        "--url",
        "https://bao:8200",
        "--mount",
        "kv",
        "--path-prefix",
        "team/mcpctl",
        "--namespace",
        "ns",
        "--ca-cert",
        "-",
        "--token-secret",
        "bao-token/token",
        "--config",
        "allowInsecure=false",
        "--default",
        "--description",
        "Vault",
      ],
      ["create", "secret", "anthropic", "--data", "api-key=hunter2", "--data", "other=-"],
      [
        ...llm,
        "--tier=heavy",
        "--api-key-ref",
        "anthropic/api-key",
        "--extra",
        "timeouts.silence=60",
        "--skip-auth-check",
      ],
      [
        "create",
        "project/website",
        "-d",
        "The shop's front page",
        "--llm",
        "none",
        "--server",
        "a",
        "--server",
        "b",
      ],
      ["create", "user", "alice", "--display-name", "Alice"],
      ["create", "group", "friends", "--member", "alice"],
      ["create", "rbac", "view", "--subject", "Group:friends", "--roleBindings", "role:view,resource:llms"],
      ["create", "token", "laptop", "-p", "website", "--bind", "role:run,resource:llms", "--ttl", "30d"],
    ];
    let transcript = "";
    for (const argv of lines) {
      const { code, stdout, stderr } = await server.run(argv, { stdin: "from stdin\n" });
      transcript += `$ mcpctl ${argv.join(" ")}\n${stdout}${stderr.replace(/^/gm, "! ").replace(/! $/, "")}`;
      expect(code, stderr).toBe(0);
    }
    expectGolden("create.txt", transcript);
    expect(server.writes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /api/v1/secretbackends",
      "POST /api/v1/secretbackends",
      "POST /api/v1/secrets",
      "POST /api/v1/llms?probe=false",
      "POST /api/v1/projects",
      "POST /api/v1/users",
      "POST /api/v1/groups",
      "POST /api/v1/rbac",
      "POST /api/v1/tokens",
    ]);
    expect(server.writes.map(({ body }) => body)).toEqual([
      { name: "second", type: "plaintext", isDefault: true },
      {
        name: "bao",
        type: "openbao",
        isDefault: true,
        description: "Vault",
        config: {
          url: "https://bao:8200",
          mount: "kv",
          pathPrefix: "team/mcpctl",
          namespace: "ns",
          caCert: "from stdin\n",
          allowInsecure: false,
          auth: { tokenSecretRef: { name: "bao-token", key: "token" } },
        },
      },
      { name: "anthropic", data: { "api-key": "hunter2", other: "from stdin" } },
      {
        name: "claude",
        type: "anthropic",
        model: "claude-sonnet-5",
        tier: "heavy",
        apiKeyRef: { name: "anthropic", key: "api-key" },
        extraConfig: { timeouts: { silence: 60 } },
      },
      { name: "website", description: "The shop's front page", llmProvider: "none", servers: ["a", "b"] },
      { name: "alice", displayName: "Alice" },
      { name: "friends", members: ["alice"] },
      {
        name: "view",
        subjects: [{ kind: "Group", name: "friends" }],
        roleBindings: [{ role: "view", resource: "llms" }],
      },
      {
        name: "laptop",
        project: "website",
        expiresAt: "2026-12-21T10:00:00.000Z",
        roleBindings: [{ role: "run", resource: "llms" }],
      },
    ]);
  });

  it("warns if the provider refuses the key, and still says created", async () => {
    const { code, stdout, stderr } = await server.run(llm);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^llm 'claude' created \(id: llm_\d{26}\)\n$/);
    expect(stderr).toBe("warning: llm 'claude': the provider refused the key\n");
  });

  it("prints JSON and nothing else with -o json, including the value of a new token", async () => {
    const { stdout, stderr } = await server.run(["create", "token", "ci", "-o", "json"]);
    expect(JSON.parse(stdout)).toMatchObject({ name: "ci", token: "mcpctl_pat_theBearer" });
    expect(stderr).toBe(
      "warning: token 'ci': it has no role yet, so every request with it is refused; grant one with --bind, or with an rbac object\n",
    );
    const yaml = await server.run(["create", "token", "ci2", "-o", "yaml"]);
    expect(yaml.stdout).toBe("kind: token\nname: ci2\ntoken: mcpctl_pat_theBearer\n");
    const name = await server.run(["create", "user", "bob", "-o", "name"]);
    expect(name.stdout).toBe("user/bob\n");
  });

  it("says on a terminal that the token is shown only once", async () => {
    const at = fakeTerminal({ answers: [] });
    const { stdout, stderr } = await server.run(
      ["create", "token", "ci", "--bind", "role:run,resource:llm"],
      { terminal: at },
    );
    expect(stdout).toMatch(/^token 'ci' created \(id: tok_\d{26}\)\nmcpctl_pat_theBearer\n$/);
    expect(stderr).toContain("only time the token is shown");
    expect(stderr).not.toContain("theBearer");
  });

  it("refuses a name that exists, and updates the object with --force", async () => {
    await server.run([...llm, "--skip-auth-check"]);
    const again = await server.run([...llm, "--tier", "heavy"]);
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toBe(
      'error: llm "claude" exists already\nhint: to update it, add --force; to change it in an editor: mcpctl edit llm claude\n',
    );
    const forced = await server.run([...llm, "--tier", "heavy", "--force"]);
    expect(forced.stdout).toMatch(/^llm 'claude' updated \(id: /);
    expect(server.writes.at(-1)).toMatchObject({ method: "PUT", body: { tier: "heavy" } });
    const same = await server.run([...llm, "--force"]);
    expect(same.stdout).toMatch(/^llm 'claude' unchanged \(id: /);
    const fresh = await server.run(["create", "group", "new", "--force"]);
    expect(fresh.stdout).toMatch(/^group 'new' created \(id: /);
  });

  it.each([
    [
      ["edit", "claude"],
      'unknown kind "claude"',
      "an object is named with its kind: KIND/claude; to see all kinds: mcpctl explain",
    ],
    [["create", "lmm", "x"], 'unknown kind "lmm"', 'did you mean "llm"?'],
    [["create", "secrt", "x", "--data", "k=v"], 'unknown kind "secrt"', 'did you mean "secret"?'],
    [["create", "llm"], "the name of the llm is missing", "mcpctl create llm --help"],
    [["create", "llm", "My LLM"], '"My LLM" is not a name', ""],
    [["create", "llm", "x", "--type", "antropic"], 'not "antropic"', 'did you mean "anthropic"?'],
    [["create", "llm", "x", "--modle", "m"], "unknown flag --modle", "did you mean --model?"],
    [["create", "llm", "x", "--type", "openai"], "--model is required", "for help: mcpctl create llm --help"],
    [["create", "user", "x", "--password", "hunter2!"], "unknown flag --password", ""],
    [["create", "user", "x", "-o", "wide"], "mcpctl create does not print wide", "formats: json, yaml, name"],
  ])("%j is a usage error and sends nothing", async (argv, message, hint) => {
    const { code, stdout, stderr } = await server.run(argv);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    expect(server.calls.filter(({ path }) => path !== "/api/v1/kinds")).toEqual([]);
  });

  it("prints the server's refusal with the flag that was typed", async () => {
    const details = [{ path: "/apiKeyRef", message: 'there is no secret "nope"' }];
    server.refuse(() => true, new AppError("invalid_request", "invalid llm", { details }));
    const { code, stderr } = await server.run([...llm, "--api-key-ref", "nope/k"]);
    expect(code).toBe(1);
    expect(stderr).toBe('error: invalid llm\n  --api-key-ref: there is no secret "nope"\n');
  });

  it("has no help for a kind that cannot be created", async () => {
    const { code, stdout, stderr } = await server.run(["create", "instance", "--help"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: instances cannot be created\nhint: /);
  });

  it("lists the flags of the kind in its help", async () => {
    const { code, stdout } = await server.run(["create", "secret", "--help"]);
    expect(code).toBe(0);
    expectGolden("create-secret-help.txt", stdout);
    expect((await server.run(["create", "llm", "-h"])).stdout).toContain("--skip-auth-check");
    expect(stdout).not.toContain("--skip-auth-check");
  });
});
