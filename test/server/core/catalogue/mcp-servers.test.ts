import { describe, expect, it } from "vitest";
import { type Client, must, type TestServer, testServer } from "../../../support/server.ts";

const url = "https://mcp.example.com/mcp";
const onServers = [{ role: "edit", resource: "servers" }];
const onHost = [...onServers, { role: "run", action: "host-processes" }];

async function withSecret(server: TestServer): Promise<void> {
  await must(server.admin("POST", "/api/v1/secrets", { name: "gh", data: { token: "value" } }));
}

/** The paths and messages of the faults of a refused create. */
async function faultsOf(call: Client, fields: object): Promise<Record<string, string>> {
  const { status, body } = await call("POST", "/api/v1/servers", { name: "s", ...fields });
  expect(status, JSON.stringify(body)).toBe(400);
  return Object.fromEntries(
    body.details.map(({ path, message }: { path: string; message: string }) => [path, message]),
  );
}

const secretRef = { name: "gh", key: "token" };
const fromSecret = { name: "TOKEN", valueFrom: { secretRef } };

describe("the source of a server", () => {
  it("is exactly one of command, package, image and url", async () => {
    const { admin } = await testServer();
    expect(await faultsOf(admin, {})).toEqual({
      "/command": "exactly one of command, package, image and url must be set",
    });
    expect(await faultsOf(admin, { url, command: ["node"] })).toEqual({
      "/url": "exactly one of command, package, image and url must be set; these are: command, url",
    });
    await must(admin("POST", "/api/v1/servers", { name: "a", url }));
    const both = await admin("PUT", "/api/v1/servers/a", { package: "npm:x@1.0.0" });
    expect([both.status, both.body.details[0].path]).toEqual([400, "/package"]);
    await must(admin("PUT", "/api/v1/servers/a", { package: "npm:x@1.0.0", url: null }));
    const { body } = await admin("GET", "/api/v1/servers/a");
    expect(body).toMatchObject({
      source: "npm:x@1.0.0",
      transport: "stdio",
      status: "stopped",
      ready: 0,
      toolCount: 0,
    });
    expect(body).not.toHaveProperty("url");
  });

  it("decides the transport", async () => {
    const { admin } = await testServer();
    const shown = async (name: string, fields: object) =>
      (await must(admin("POST", "/api/v1/servers", { name, ...fields }))).body.transport;
    expect(await shown("a", { command: ["node", "x.js"] })).toBe("stdio");
    expect(await shown("b", { image: "mcp/fetch" })).toBe("stdio");
    expect(await shown("c", { image: "docker.io/mcp/fetch:1.2", port: 8080, path: "/mcp" })).toBe("http");
    expect(await shown("d", { url })).toBeUndefined();
    expect(await shown("e", { url, transport: "sse" })).toBe("sse");
    for (const fields of [
      { command: ["node"], transport: "http" },
      { package: "pypi:mcp-server-fetch==2025.4.7", transport: "sse" },
      { image: "mcp/fetch", transport: "http" },
      { image: "mcp/fetch", port: 80, transport: "stdio" },
      { url, transport: "stdio" },
    ])
      expect(Object.keys(await faultsOf(admin, fields)), JSON.stringify(fields)).toEqual(["/transport"]);
  });

  it("keeps fields for another source out", async () => {
    const { admin } = await testServer();
    for (const [field, fields] of [
      ["/port", { command: ["node"], port: 80 }],
      ["/path", { image: "mcp/fetch", path: "/x" }],
      ["/args", { url, args: ["x"] }],
      ["/env", { url, env: [{ name: "A", value: "b" }] }],
      ["/resources", { url, resources: { memoryMb: 100 } }],
      ["/hostPaths", { url, hostPaths: { read: ["/srv"] } }],
      ["/hostPaths/write/0", { command: ["node"], hostPaths: { write: ["srv"] } }],
      ["/hostPaths/read/0", { command: ["node"], hostPaths: { read: ["/srv/../etc"] } }],
      ["/sandbox", { url, sandbox: "bwrap" }],
      ["/sandbox", { command: ["node"], sandbox: "container" }],
      ["/sandbox", { image: "mcp/fetch", sandbox: "landlock" }],
      ["/headers", { command: ["node"], headers: [{ name: "x-a", value: "b" }] }],
    ] as const)
      expect(Object.keys(await faultsOf(admin, fields)), field).toEqual([field]);
  });

  it("refuses urls as for an llm, and credentials in one (T135)", async () => {
    const server = await testServer();
    const told = async (text: string) => (await faultsOf(server.admin, { url: text }))["/url"];
    expect(await told("ftp://example.com")).toBe("must begin with http:// or https://");
    expect(await told("http://169.254.169.254/mcp")).toContain("metadata");
    expect(await told("https://user:pw@example.com/mcp")).toBe("must not contain credentials");
    for (const name of ["apiKey", "api_key", "access_token", "token", "key", "X-Auth"])
      expect(await told(`${url}?${name}=abc`), name).toContain("put them into headers");
    expect(await told(`${server.url}/projects/x/mcp`)).toBe("leads to this server itself");
    const fine = await must(
      server.admin("POST", "/api/v1/servers", { name: "ok", url: `${url}?project_ref=x&read_only=true` }),
    );
    expect(fine.body.url).toBe(`${url}?project_ref=x&read_only=true`);
  });

  it("is a package with one exact version (T136)", async () => {
    const { admin } = await testServer();
    const exact = ["npm:@scope/name@1.2.3", "npm:name@1.2.3-beta.1", "pypi:mcp-server[x,y]==1!2.3.post1"];
    for (const [i, name] of exact.entries())
      await must(admin("POST", "/api/v1/servers", { name: `s${i}`, package: name }));
    for (const name of [
      "npm:name",
      "npm:name@latest",
      "npm:name@1",
      "npm:name@^1.2.3",
      "npm:-g@1.2.3",
      "npm:name@1.2.3 --eval",
      "npm:../x@1.2.3",
      "pypi:name",
      "pypi:name>=1",
      "pypi:--index-url==1.0",
      "name@1.2.3",
      "",
    ])
      expect(Object.keys(await faultsOf(admin, { package: name })), name).toEqual(["/package"]);
  });

  it("is a list of words that no shell reads", async () => {
    const { admin } = await testServer();
    for (const program of [
      "npx -y x",
      "-x",
      "./run.sh",
      "../run",
      "a;b",
      "$(x)",
      "",
      "dir/prog",
      "/usr/bin/",
    ])
      expect(Object.keys(await faultsOf(admin, { command: [program] })), program).toEqual(["/command/0"]);
    expect(Object.keys(await faultsOf(admin, { command: "npx -y x" }))).toEqual(["/command"]);
    for (const image of ["-v", "mcp/fetch --privileged", "HTTP://x", "a b", "/x", "x:"])
      expect(Object.keys(await faultsOf(admin, { image })), image).toEqual(["/image"]);
    await must(
      admin("POST", "/api/v1/servers", {
        name: "fine",
        command: ["/opt/my tools/run", "-x"],
        args: ["; rm"],
      }),
    );
  });
});

describe("variables and headers", () => {
  it("have one value each, and names that are given once", async () => {
    const server = await testServer();
    await withSecret(server);
    const command = ["node"];
    expect(await faultsOf(server.admin, { command, env: [{ name: "A" }] })).toEqual({
      "/env/0": "must have either value or valueFrom",
    });
    expect(
      await faultsOf(server.admin, {
        command,
        env: [
          { name: "A", value: "x" },
          { name: "A", value: "y" },
        ],
      }),
    ).toEqual({
      "/env/1/name": '"A" is given twice',
    });
    // A reference in words of its own would reach the program as it is written (T287).
    const named = { name: "A", value: "secret://gh/token" };
    expect(await faultsOf(server.admin, { command, args: ["secret://gh/token"], env: [named] })).toEqual({
      "/args/0": expect.stringContaining("use env"),
      "/env/0/value": expect.stringContaining("valueFrom: {secretRef: {name, key}}"),
    });
    const ofUsers = [{ name: "A", value: "user://token" }];
    expect(await faultsOf(server.admin, { command, args: ["user://token"], env: ofUsers })).toEqual({
      "/args/0": expect.stringContaining("use env"),
      "/env/0/value": expect.stringContaining("valueFrom: {userKey}"),
    });
    const bearer = [{ name: "Authorization", value: "Bearer secret://gh/token" }];
    expect(
      Object.keys(await faultsOf(server.admin, { url: "http://far.test/mcp", headers: bearer })),
    ).toEqual(["/headers/0/value"]);
    expect(
      Object.keys(await faultsOf(server.admin, { command, env: [{ name: "A=B", value: "x" }] })),
    ).toEqual(["/env/0/name"]);
    const headers = [
      { name: "X-A", value: "a\nb" },
      { name: "Host", value: "x" },
      { name: "Mcp-Session-Id", value: "x" },
      { name: "x-a", value: "c" },
    ];
    expect(Object.keys(await faultsOf(server.admin, { url, headers })).sort()).toEqual([
      "/headers/0/value",
      "/headers/1/name",
      "/headers/2/name",
      "/headers/3/name",
    ]);
    const missing = [{ name: "A", valueFrom: { secretRef: { name: "gh", key: "no" } } }];
    expect(await faultsOf(server.admin, { command, env: missing })).toEqual({
      "/env/0/valueFrom/secretRef/key": 'secret "gh" has no key "no"; it has "token"',
    });
  });

  it("keep the secret that they name from being deleted", async () => {
    const server = await testServer();
    await withSecret(server);
    await must(server.admin("POST", "/api/v1/servers", { name: "s", command: ["node"], env: [fromSecret] }));
    const refused = await server.admin("DELETE", "/api/v1/secrets/gh");
    expect([refused.status, refused.body.error]).toEqual([409, 'secret "gh" is still used by server "s"']);
    await must(server.admin("PUT", "/api/v1/servers/s", { env: null }));
    expect((await server.admin("DELETE", "/api/v1/secrets/gh")).status).toBe(204);
  });

  it("need expose on the secret, also when another program or url would get its value (T135)", async () => {
    const server = await testServer();
    await withSecret(server);
    const { call } = await server.user("alice", onHost);
    const fields = { name: "s", command: ["node"], env: [fromSecret] };
    for (const name of ["gh", "missing"]) {
      const env = [{ name: "T", valueFrom: { secretRef: { name, key: "token" } } }];
      const { status, body } = await call("POST", "/api/v1/servers", { ...fields, env });
      expect([status, body.error]).toEqual([403, `using secret "${name}" in a server needs expose on it`]);
    }
    await must(server.admin("POST", "/api/v1/servers", fields));
    const base = { name: "API_URL", value: "https://evil.example.com" };
    for (const change of [
      { command: ["evil"] },
      { args: ["x"] },
      { env: [fromSecret, base] },
      { env: [fromSecret, { name: "NODE_OPTIONS", value: "--require=/srv/evil.js" }] },
      { hostPaths: { read: ["/srv/code"] } },
    ]) {
      const { status, body } = await call("PUT", "/api/v1/servers/s", change);
      expect([status, body.error]).toEqual([403, expect.stringContaining('value of secret "gh"')]);
    }
    // Fields that do not concern the program may change, and so may the program when it gets the value no more.
    await must(call("PUT", "/api/v1/servers/s", { description: "new", env: [fromSecret] }));
    await must(call("PUT", "/api/v1/servers/s", { env: [base] }));

    const headers = [
      { name: "Authorization", valueFrom: { secretRef } },
      { name: "x-team", value: "a" },
    ];
    await must(server.admin("POST", "/api/v1/servers", { name: "r", url, headers }));
    const moved = await must(call("PUT", "/api/v1/servers/r", { url: "https://other.example.com/mcp" }));
    expect(moved.body.headers).toEqual([{ name: "x-team", value: "a" }]);
    await must(server.admin("PUT", "/api/v1/servers/r", { headers }));
    const kept = await must(server.admin("PUT", "/api/v1/servers/r", { url }));
    expect(kept.body.headers).toEqual(headers);
  });
});

describe("running programs on the host (T134)", () => {
  it("needs the operation host-processes for every field that leads there, on create and on change", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", onServers);
    const { call: allowed } = await server.user("bob", onHost);
    for (const fields of [{ command: ["node"] }, { package: "npm:x@1.0.0" }, { image: "mcp/fetch" }]) {
      const { status, body } = await call("POST", "/api/v1/servers", { name: "s", ...fields });
      expect([status, body.error, body.hint]).toEqual([
        403,
        expect.stringContaining("it needs the operation host-processes"),
        "an administrator can allow it: mcpctl grant USER run host-processes",
      ]);
    }
    await must(call("POST", "/api/v1/servers", { name: "remote", url }));
    await must(allowed("POST", "/api/v1/servers", { name: "local", command: ["node"] }));
    for (const change of [
      { url: null, command: ["sh"] },
      { command: ["sh"] },
      { args: ["x"] },
      { env: [{ name: "NODE_OPTIONS", value: "--require=/x" }] },
      { sandbox: "none" },
      { hostPaths: { read: ["/home"] } },
      { resources: { memoryMb: 100_000 } },
      { command: null, image: "mcp/fetch" },
    ]) {
      const name = "url" in change ? "remote" : "local";
      const { status, body } = await call("PUT", `/api/v1/servers/${name}`, change);
      expect([status, body.code], JSON.stringify(change)).toEqual([403, "forbidden"]);
      expect(body.error).toContain(Object.keys(change).find((field) => field !== "url")!);
    }
    // An editor changes everything else.
    await must(
      call("PUT", "/api/v1/servers/local", { description: "x", replicas: 2, tools: { deny: ["a*"] } }),
    );
    await must(allowed("PUT", "/api/v1/servers/local", { args: ["x"] }));
    const { body } = await server.admin("GET", "/api/v1/servers/local");
    expect(body).toMatchObject({ command: ["node"], args: ["x"], sandbox: "auto" });
    const own = await allowed("GET", "/api/v1/auth/whoami");
    expect(own.status).toBe(200);
    const can = await call("POST", "/api/v1/auth/can-i", { verb: "run", action: "host-processes" });
    expect(can.body.allowed).toBe(false);
  });

  it("can be granted only by those who have it", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", [{ role: "edit", resource: "rbac" }]);
    const binding = {
      name: "x",
      subjects: [{ kind: "User", name: "alice" }],
      roleBindings: [{ role: "run", action: "host-processes" }],
    };
    expect((await call("POST", "/api/v1/rbac", binding)).status).toBe(403);
  });

  it("does not include calling a tool for a health check, which needs run on the server", async () => {
    const server = await testServer();
    const { call } = await server.user("alice", onHost);
    await must(call("POST", "/api/v1/servers", { name: "s", url, healthCheck: { intervalSeconds: 30 } }));
    const healthCheck = { tool: "delete_all", arguments: { sure: true } };
    const refused = await call("PUT", "/api/v1/servers/s", { healthCheck });
    expect([refused.status, refused.body.error]).toEqual([
      403,
      'a health check that calls a tool needs run on server "s"',
    ]);
    await must(server.admin("PUT", "/api/v1/servers/s", { healthCheck }));
    await must(call("PUT", "/api/v1/servers/s", { healthCheck: { ...healthCheck, intervalSeconds: 10 } }));
    expect(
      (await call("PUT", "/api/v1/servers/s", { healthCheck: { ...healthCheck, arguments: {} } })).status,
    ).toBe(403);
  });
});

describe("a private server", () => {
  it("is hidden from others, in the same words as a missing one", async () => {
    const server = await testServer();
    await must(server.admin("POST", "/api/v1/servers", { name: "mine", url, visibility: "private" }));
    const { call } = await server.user("alice", onServers);
    const hidden = await call("GET", "/api/v1/servers/mine");
    const missing = await call("GET", "/api/v1/servers/none");
    expect([hidden.status, hidden.body.error]).toEqual([404, 'server "mine" not found']);
    expect(missing.body.error).toBe('server "none" not found');
    expect((await call("GET", "/api/v1/servers")).body).toEqual([]);
  });
});

describe("a template", () => {
  const parameters = [
    { name: "FOLDER", description: "The folder", required: true },
    { name: "TOKEN", description: "A token", secret: true },
  ];

  it("has fields of a server with known parameters", async () => {
    const { admin } = await testServer();
    const told = async (body: object) => {
      const { status, body: answer } = await admin("POST", "/api/v1/templates", {
        name: "t",
        parameters,
        ...body,
      });
      expect(status, JSON.stringify(answer)).toBe(400);
      return answer.details.map(
        ({ path, message }: { path: string; message: string }) => `${path} ${message}`,
      );
    };
    expect(await told({ server: { packge: "x" } })).toEqual([
      '/server/packge unknown field; did you mean "package"?',
    ]);
    expect(await told({ server: { args: ["${FOLER}"] } })).toEqual([
      '/server/args/0 there is no parameter "FOLER"',
    ]);
    expect(await told({ server: { replicas: "two" } })).toEqual([
      "/server/replicas must be an integer from 0 to 20",
    ]);
    expect((await told({ server: { args: ["--token=${TOKEN}"] } }))[0]).toContain(
      "the secret parameter TOKEN must be",
    );
    expect((await told({ server: { env: [{ name: "A", value: "Bearer ${TOKEN}" }] } }))[0]).toContain(
      "must be the whole value",
    );
    expect(await told({ parameters: [{ ...parameters[0], default: "x" }], server: {} })).toEqual([
      "/parameters/0/required must be false for a parameter with a default",
    ]);
    await must(
      admin("POST", "/api/v1/templates", {
        name: "t",
        parameters,
        server: { command: ["node", "${FOLDER}"], env: [{ name: "A", value: "${TOKEN}" }] },
      }),
    );
  });
});
