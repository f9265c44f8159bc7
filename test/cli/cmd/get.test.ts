import { describe, expect, it } from "vitest";
import { kinds } from "../../../src/kinds/index.ts";
import { catalogueResponses, failure, fakeApi, llms, rows } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli } from "../../support/cli/run-cli.ts";

describe("get", () => {
  it("refuses a project that does not exist with the nearest name, and asks nothing where projects are not shown", async () => {
    const tokens = rows("token", { name: "ci", project: "website" });
    const server = fakeApi({
      "GET /api/v1/projects": rows("project", { name: "website" }),
      "GET /api/v1/tokens": tokens,
    });
    expect(await cli("get tokens -p webiste", { server })).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringContaining('project "webiste" not found\nhint: did you mean "website"?'),
    });
    const closed = fakeApi({
      "GET /api/v1/projects/website": () => failure(403, "forbidden", "no"),
      "GET /api/v1/tokens": tokens,
    });
    expect((await cli("get tokens -p website -o name", { server: closed })).stdout).toBe("token/ci\n");
  });

  it.each(["-w", "--sort-by .nope", "--where user=alice"])(
    "refuses %s of a report, which would make no difference",
    async (flag) => {
      const server = fakeApi({});
      const { code, stderr } = await cli(`get usage ${flag}`, { server });
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining(`get usage does not take ${flag.split(" ")[0]}`),
      ]);
      expect(server.requests).toEqual([]);
    },
  );

  it("prints tables of a kind, wide, of one object and of several kinds", async () => {
    const [website] = rows("project", { name: "website" });
    const server = fakeApi({
      ...catalogueResponses(),
      "GET /api/v1/projects/website": website,
      "GET /api/v1/secrets": rows("secret", {
        name: "anthropic",
        backend: "default",
        keys: ["api-key", "old"],
        owner: "admin",
      }),
      "GET /api/v1/tokens": rows(
        "token",
        {
          name: "ci",
          project: "website",
          prefix: "mcpctl_pat_abc",
          lastUsedAt: "2026-11-21T09:00:00Z",
          expiresAt: "2026-12-21T12:00:00Z",
          status: "active",
          owner: "alice",
        },
        {
          name: "old",
          prefix: "mcpctl_pat_def",
          lastUsedAt: null,
          expiresAt: "2026-11-20T11:00:00Z",
          status: "expired",
          owner: "alice",
        },
      ),
      "GET /api/v1/rbac": rows("rbac", {
        name: "friends",
        subjects: [
          { kind: "Group", name: "friends" },
          { kind: "User", name: "bob" },
        ],
        roleBindings: [
          { role: "run", resource: "llms", name: "claude" },
          { role: "view", resource: "llms" },
          { role: "run", action: "backup" },
        ],
      }),
    });
    let transcript = "";
    for (const line of [
      "get llms",
      "get llms -o wide",
      "get llm claude --no-headers",
      "get secrets,tokens",
      "get rbac",
      "get tokens -p website",
    ]) {
      const { code, stdout, stderr } = await cli(line, { server });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      transcript += `$ mcpctl ${line}\n${stdout}\n`;
    }
    expectGolden("get.txt", transcript);
  });

  it("prints an array for a list and an object for one name", async () => {
    const server = fakeApi(catalogueResponses());
    expect(JSON.parse((await cli("get llms -o json", { server })).stdout)).toEqual(llms);
    expect(JSON.parse((await cli("get llm claude -o json", { server })).stdout)).toEqual(llms[0]);
    expect(JSON.parse((await cli("get llm/claude -o json", { server })).stdout)).toEqual(llms[0]);
    expect(JSON.parse((await cli("get llms claude qwen-alice -o json", { server })).stdout)).toEqual(llms);
  });

  it("names the kind of each object if there are several kinds", async () => {
    const server = fakeApi({
      ...catalogueResponses(),
      "GET /api/v1/groups": rows("group", { name: "friends", members: [] }),
    });
    const { stdout } = await cli("get groups,llms -o json", { server });
    expect(
      JSON.parse(stdout).map((object: { kind: string; name: string }) => `${object.kind}/${object.name}`),
    ).toEqual(["group/friends", "llm/claude", "llm/qwen-alice"]);
    expect(
      (
        await cli("get groups/friends llm/claude -o name", {
          server: fakeApi({
            ...catalogueResponses(),
            "GET /api/v1/groups/friends": rows("group", { name: "friends" })[0],
          }),
        })
      ).stdout,
    ).toBe("group/friends\nllm/claude\n");
  });

  it("prints names, jsonpath, and YAML that begins with kind and name", async () => {
    const server = fakeApi(catalogueResponses());
    expect((await cli("get llms -o name", { server })).stdout).toBe("llm/claude\nllm/qwen-alice\n");
    expect((await cli("get llms -o jsonpath={[*].model}", { server })).stdout).toBe(
      "claude-sonnet-5 Qwen/Qwen2.5-7B-Instruct",
    );
    expect((await cli("get llm claude -o jsonpath=.apiKeyRef.key", { server })).stdout).toBe("api-key");
    const { stdout } = await cli("get llms -o yaml", { server });
    expect(stdout).toMatch(/^kind: llm\nname: claude\n/);
    expect(stdout).toContain("\n---\nkind: llm\nname: qwen-alice\n");
    expect(stdout).not.toMatch(/createdAt|status|^id:/m);
  });

  it("sorts by a path: numbers by size, missing values last", async () => {
    const names = async (path: string) => {
      const server = fakeApi({
        "GET /api/v1/secretbackends": rows(
          "secretbackend",
          { name: "a", secretCount: 9 },
          { name: "b" },
          { name: "c", secretCount: 100 },
          { name: "d", secretCount: 10 },
        ),
      });
      return (await cli(["get", "sb", "-o", "name", "--sort-by", path], { server })).stdout
        .replaceAll("secretbackend/", "")
        .split("\n")
        .join("");
    };
    expect(await names(".secretCount")).toBe("adcb");
    expect(await names("{.secretCount}")).toBe("adcb");
    expect(await names("secretCount")).toBe("adcb");
  });

  it("reports an empty list on stderr and exits with 0", async () => {
    const server = fakeApi({ "GET /api/v1/llms": [] });
    expect(await cli("get llms", { server })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No llms found.\n",
    });
    expect(await cli("get llms -o json", { server })).toMatchObject({ code: 0, stdout: "[]\n", stderr: "" });
    expect(await cli("get llms -o yaml", { server })).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  it("exits with 3 for an unknown name and suggests the nearest one", async () => {
    const server = fakeApi(catalogueResponses());
    const { code, stdout, stderr } = await cli("get llm claud", { server });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toBe('error: llm "claud" not found\nhint: did you mean "claude"? Run: mcpctl get llms\n');
    expect((await cli("get llm zzz", { server })).stderr).toBe(
      'error: llm "zzz" not found\nhint: Run: mcpctl get llms\n',
    );
  });

  it("prints the objects that exist and an error for each that does not", async () => {
    const server = fakeApi(catalogueResponses());
    const { code, stdout, stderr } = await cli("get llms claude claudo zzz -o name", { server });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "llm/claude\n" });
    expect(stderr).toBe(
      'error: 2 not found\n  llm "claudo" not found; did you mean "claude"?\n  llm "zzz" not found\n',
    );
  });

  it.each(["..", ".", "a/../../auth/whoami", "%2e%2e", "Claude"])(
    "never asks for the path %s",
    async (name) => {
      const server = fakeApi(catalogueResponses());
      const { code } = await cli(["get", "llm", name], { server });
      expect([2, 3]).toContain(code);
      expect(server.requests.filter((call) => call !== "GET /api/v1/llms")).toEqual([]);
    },
  );

  it("asks the server for unknown kinds, and prints them with its columns", async () => {
    const gadget = {
      kind: "gadget",
      plural: "gadgets",
      short: ["gd"],
      display: "Gadget",
      idPrefix: "gad",
      columns: [
        { header: "NAME", path: "name" },
        { header: "SIZE", path: "size.width" },
      ],
      fields: { properties: { size: {} } },
      readOnly: { properties: {} },
      writeOnly: [],
    };
    const server = fakeApi({
      "GET /api/v1/kinds": [gadget],
      "GET /api/v1/gadgets": [{ id: "gad_1", name: "g", size: { width: 3 } }],
    });
    expect((await cli("get gd", { server })).stdout).toBe("NAME   SIZE\ng      3\n");
    expect(await cli("get gadgte", { server })).toMatchObject({ code: 2, stdout: "" });
    expect((await cli("get lms", { server })).stderr).toBe(
      'error: unknown kind "lms"\nhint: did you mean "llms"?\n',
    );
  });

  it("prints all kinds and warns about the forbidden ones", async () => {
    const server = fakeApi({
      ...catalogueResponses(),
      "GET /api/v1/kinds": () => failure(404, "not_found", "no"),
      "GET /api/v1/secrets": () => failure(403, "forbidden", "you may not view secrets"),
      ...Object.fromEntries(
        kinds
          .filter(({ kind }) => kind !== "llm" && kind !== "secret")
          .map(({ plural }) => [`GET /api/v1/${plural}`, []]),
      ),
    });
    const { code, stdout, stderr } = await cli("get all -o name", { server });
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "llm/claude\nllm/qwen-alice\n",
      stderr: "warning: secrets: you may not view secrets\n",
    });
    expect((await cli("get secrets", { server })).code).toBe(4);
  });

  it("leaves columns out that do not fit a terminal, never the name, and nothing in a pipe", async () => {
    const server = fakeApi(catalogueResponses());
    const { stdout } = await cli("get llms", { server, answers: [], columns: 100 });
    for (const line of stdout.trimEnd().split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(100);
    expect(stdout).not.toContain("VISIBILITY");
    expect(stdout).toContain("qwen-alice");
    expect((await cli("get llms", { server })).stdout).toContain("VISIBILITY");
  });

  it("prints objects whose owner was deleted", async () => {
    const server = fakeApi({ "GET /api/v1/servers": rows("server", { name: "files", owner: null }) });
    expect((await cli("get servers -o wide", { server })).stdout).toMatch(/^files .* - +srv_/m);
  });

  it("prints control characters and escape sequences as text (T42)", async () => {
    const evil = { name: "x", displayName: "\u001b]0;owned\u0007\u009b31m\nadmin\u202egnp" };
    const server = fakeApi({ "GET /api/v1/users": rows("user", evil) });
    const table = await cli("get users", { server, answers: [] });
    expect(table.stdout.split("\n")).toHaveLength(3);
    for (const format of ["table", "json", "jsonpath={[*].displayName}"]) {
      const { stdout } = await cli(["get", "users", "-o", format], { server, answers: [] });
      expect(stdout).not.toMatch(/[\u001b\u0007\u009b]/);
    }
    expect(JSON.parse((await cli("get users -o json", { server })).stdout)[0].displayName).toBe(
      evil.displayName,
    );
  });

  it("prints the server's error, and its address if it cannot be reached", async () => {
    const server = fakeApi({
      "GET /api/v1/llms": () => failure(401, "unauthenticated", "log in", { hint: "mcpctl login" }),
    });
    expect(await cli("get llms", { server })).toMatchObject({
      code: 4,
      stderr: "error: log in\nhint: mcpctl login\n",
    });
    await server.stop();
    const { code, stderr } = await cli("get llms", { server });
    expect(code).toBe(1);
    expect(stderr).toContain(
      `error: cannot reach ${server.url} (MCPCTL_SERVER): the connection was refused (ECONNREFUSED)\nhint: start the server with`,
    );
  });

  it("exits with 6 if the server does not respond in time", async () => {
    const server = fakeApi({ "GET /api/v1/llms": () => new Promise(() => {}) });
    expect((await cli("get llms --timeout 50ms", { server })).code).toBe(6);
  });

  it("prints requests with -v and no token", async () => {
    const server = fakeApi(catalogueResponses());
    const { stdout, stderr } = await cli("get llms -v -o name", {
      server,
      env: { MCPCTL_TOKEN: "mcpctl_pat_secret" },
    });
    expect(stderr).toContain("GET /api/v1/llms 200");
    expect(stdout + stderr).not.toContain("mcpctl_pat_secret");
    expect(server.tokens).toEqual(["mcpctl_pat_secret"]);
  });

  it.each(["xml", "jsn", "jsonpath", "jsonpath=", "jsonpath={.a"])(
    "refuses -o %s before it asks anything",
    async (format) => {
      const server = fakeApi(catalogueResponses());
      expect(await cli(["get", "llms", "-o", format], { server })).toMatchObject({ code: 2, stdout: "" });
      expect(server.requests).toEqual([]);
    },
  );
});
