import { describe, expect, it } from "vitest";
import { catalogueResponses, failure, fakeApi, llms, rows } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

const projects = rows(
  "project",
  {
    name: "good",
    description: "",
    prompt: "Be brief.\nBe kind.",
    llmProvider: "claude",
    llmModel: "claude-haiku-5",
    llmStatus: "registered",
    servers: ["files", "web"],
  },
  {
    name: "dangling",
    description: "d",
    prompt: "",
    llmProvider: "nope",
    llmStatus: "unregistered",
    servers: [],
  },
  { name: "off", description: "d", prompt: "", llmProvider: "none", llmStatus: "disabled", servers: [] },
);

describe("describe", () => {
  it("prints every field of several kinds", async () => {
    const server = fakeApi({
      ...catalogueResponses(),
      ...Object.fromEntries(projects.map((project) => [`GET /api/v1/projects/${project.name}`, project])),
      "GET /api/v1/secrets/anthropic": rows("secret", {
        name: "anthropic",
        backend: "default",
        keys: ["api-key"],
        externalRef: "sec_1/ver_1",
        owner: "admin",
      })[0],
      "GET /api/v1/tokens/ci": rows("token", {
        name: "ci",
        project: "website",
        owner: "alice",
        prefix: "mcpctl_pat_abc",
        status: "active",
        lastUsedAt: null,
        expiresAt: "2026-12-21T12:00:00Z",
        roleBindings: [
          { role: "run", resource: "llms", name: "claude" },
          { role: "view", resource: "llms" },
        ],
      })[0],
    });
    let transcript = "";
    for (const line of [
      "describe llm claude",
      "describe llm qwen-alice",
      "describe projects good dangling off",
      "describe secret/anthropic",
      "describe token ci",
    ]) {
      const { code, stdout, stderr } = await cli(line, { server });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      transcript += `$ mcpctl ${line}\n${stdout}\n`;
    }
    expectGolden("describe.txt", transcript);
  });

  it("prints the config, login, health and token rotation of secret backends", async () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    const bao = {
      type: "openbao",
      isDefault: false,
      description: "",
      secretCount: 2,
      health: null,
      rotation: null,
    };
    const place = { url: "https://bao:8200", mount: "secret", pathPrefix: "mcpctl" };
    const backends = rows(
      "secretbackend",
      { ...bao, name: "default", type: "plaintext", isDefault: true, config: {} },
      {
        ...bao,
        name: "by-token",
        config: {
          ...place,
          namespace: "team",
          caCert: pem,
          allowInsecure: true,
          auth: { method: "token", tokenSecretRef: { name: "bao-token", key: "token" } },
        },
        health: { status: "healthy", reason: null, checkedAt: "2026-11-21T11:59:00Z" },
        rotation: { rotatedAt: "2026-11-20T12:00:00.000Z", failedAt: null, reason: null },
      },
      {
        ...bao,
        name: "by-approle",
        config: {
          ...place,
          auth: {
            method: "approle",
            roleId: "r-1",
            secretIdRef: { name: "bao-approle", key: "secret-id" },
            mount: "approle",
          },
        },
        health: { status: "error", reason: "sealed\u001b[2J", checkedAt: "2026-11-21T11:59:00Z" },
        rotation: { rotatedAt: null, failedAt: "2026-11-21T11:00:00Z", reason: "permission denied" },
      },
      {
        ...bao,
        name: "by-kubernetes",
        config: { ...place, auth: { method: "kubernetes", role: "mcpctl", mount: "clusters/one" } },
      },
      { ...bao, name: "newer", config: { ...place, auth: { method: "jwt", role: "r", token: "hunter2" } } },
      { ...bao, name: "not-yet", config: { region: "eu", mount: "secret", url: "https://bao:8200" } },
    );
    const server = fakeApi({ "GET /api/v1/secretbackends": backends });
    const { code, stdout, stderr } = await cli("describe secretbackends", { server });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("token from secret://bao-token/token\n");
    expect(stdout).not.toMatch(/hunter2|MIIB/);
    expectGolden("describe-secretbackend.txt", stdout);
  });

  it("masks values that are credentials by their key or by their form", async () => {
    const settings = {
      note: "sk-ant-0123456789abcdef0123",
      headers: { Authorization: "x", "x-api-key": "zzz" },
      maxTokens: 5,
      apiKey: 42,
      list: ["Bearer abcdefghijklmnop"],
    };
    const llm = {
      ...llms[0],
      url: "http://user:hunter2@10.0.0.7",
      description: "key AKIAIOSFODNN7EXAMPLE",
      extraConfig: settings,
    };
    const { stdout } = await cli("describe llm claude", {
      server: fakeApi({ ...catalogueResponses(), "GET /api/v1/llms/claude": llm }),
    });
    for (const secret of ["sk-ant", "zzz", '"x"', "42", "abcdefghijklmnop", "hunter2", "AKIA"])
      expect(stdout).not.toContain(secret);
    expect(stdout).toContain("maxTokens:  5");
    expect(stdout).toContain("Secret:  anthropic");
  });

  it("prints no pool for an llm alone, or if the members are forbidden", async () => {
    expect(
      (await cli("describe llm claude", { server: fakeApi(catalogueResponses()) })).stdout,
    ).not.toContain("Pool:");
    const hidden = {
      ...catalogueResponses(),
      "GET /api/v1/llms/qwen-alice/members": () => failure(404, "not_found", "no"),
    };
    const { code, stdout } = await cli("describe llm qwen-alice", { server: fakeApi(hidden) });
    expect(code).toBe(0);
    expect(stdout).not.toContain("Pool:");
  });

  it("warns about an llm that does not exist, and not about none", async () => {
    const answers = Object.fromEntries(
      projects.map((project) => [`GET /api/v1/projects/${project.name}`, project]),
    );
    const show = async (name: string) =>
      (await cli(`describe project ${name}`, { server: fakeApi(answers) })).stdout;
    expect(await show("dangling")).toMatch(
      /^LLM: +nope \[warning: no Llm registered with this name — will fall back to registry default\]$/m,
    );
    expect(await show("off")).toMatch(/^LLM: +none$/m);
    expect(await show("good")).toMatch(/^LLM Model: +claude-haiku-5 \(override\)$/m);
  });

  it("escapes control characters, also in values of several lines (T42)", async () => {
    const evil = {
      ...projects[0],
      name: "good",
      description: "\u001b[2J",
      prompt: "a\n\u001b]0;x\u0007\u202eb\r\nc",
    };
    const { stdout } = await cli("describe project good", {
      server: fakeApi({ "GET /api/v1/projects/good": evil }),
      answers: [],
    });
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it("refuses -o, and exits with 3 if the object does not exist", async () => {
    const server = fakeApi(catalogueResponses());
    const { code, stderr } = await cli("describe llm claude -o json", { server });
    expect({ code, requests: server.requests }).toEqual({ code: 2, requests: [] });
    expect(stderr).toContain("hint: as data: mcpctl get KIND NAME -o yaml");
    expect((await cli("describe llm claudo", { server })).code).toBe(3);
  });
});
