import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli as run } from "../../support/cli/run-cli.ts";
import { isNeeded, isReady } from "../../support/mcp/log-in.ts";
import { protectedServer } from "../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../support/mcp/runtime.ts";
import { must } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A server with an MCP server `far` that wants a login, and the command line. */
async function waiting() {
  const far = protectedServer();
  const mcp = await mcpTestServer();
  await mcp.attach("far", { url: far.url });
  await until(() => mcp.row("far"), isNeeded);
  const cli = (line: string, options: object = {}) =>
    run(line, { server: { url: `unix://${mcp.socketPath}` }, ...options });
  return { far, mcp, cli };
}

/** Returns the page of the login that was begun last, when it was. */
async function begun(far: ReturnType<typeof protectedServer>): Promise<URLSearchParams> {
  const [seen] = await until(
    async () => far.issuer.of("/register"),
    (list) => list.length > 0,
  );
  return new URLSearchParams(seen!.params as Record<string, string>);
}

describe("authorize server", () => {
  it("prints the page, waits on this machine for the answer, and describe shows the access", async () => {
    const { far, mcp, cli } = await waiting();
    const folder = temporaryFolder();
    const opened = join(folder, "page");
    writeFileSync(join(folder, "xdg-open"), `#!/bin/sh\nprintf %s "$*" > ${opened}\n`, { mode: 0o755 });
    const running = cli("authorize server far --browser", { env: { PATH: `${folder}:/usr/bin:/bin` } });
    const url = await until(
      async () => (existsSync(opened) ? readFileSync(opened, "utf8") : ""),
      (text) => text.includes("/authorize?"),
    );
    const redirect = new URL(new URL(url).searchParams.get("redirect_uri")!);
    expect(redirect.hostname).toBe("127.0.0.1");
    // Whoever else finds the port ends nothing.
    for (const path of ["/callback?code=1&state=x", "/callback", "/other"])
      expect((await fetch(new URL(path, redirect))).status).toBe(404);
    const back = await far.issuer.agree(url);
    const shown = await (await fetch(back)).text();
    expect(shown).not.toContain(back.searchParams.get("code"));
    const { code, stdout, stderr } = await running;
    expect([code, stdout]).toEqual([0, `${url}\nserver 'far' authorized by admin\n`]);
    expect(stderr).toContain(`log in at ${far.issuer.issuer}`);
    await until(() => mcp.row("far"), isReady);
    const described = (await cli("describe server far")).stdout;
    expect(described).toMatch(/Status: authorized\n.*For: the calls of everybody\n.*Authorized by: admin/);
    expect(described).toMatch(/Scopes: read/);
    expect(described).toMatch(/Expires: .*, renewed by itself/);
    expect((await cli("get authorizations")).stdout).toMatch(/^far +far +- +authorized +admin +read/m);
    expect((await cli("deauthorize server/far")).stdout).toBe("server 'far' deauthorized\n");
    expect(await cli("deauthorize server far")).toMatchObject({ code: 3 });
  });

  it("takes the address that the browser was sent to, with --paste", async () => {
    const { far, cli } = await waiting();
    const wrong = await cli("authorize server far --paste", {
      stdin: "http://127.0.0.1:1/callback?code=1&state=x\n",
    });
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("another login")]);
    const none = await cli("authorize server far --paste", { stdin: "hello\n" });
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("no code")]);
    expect((await begun(far)).get("client_name")).toBe("mcpctl");
  });

  it("refuses other kinds, ports that are none, and flags that exclude each other", async () => {
    const { cli } = await waiting();
    for (const [line, message] of [
      ["authorize llm x", "want no login"],
      ["authorize server far --port 99999", "is no port"],
      ["authorize server far --paste --callback", "exclude each other"],
      ["authorize server fat", 'did you mean "far"'],
      ["authorize server far --callback", "no https URL"],
    ] as const) {
      const { code, stderr } = await cli(line);
      expect([line, code > 0, stderr]).toEqual([line, true, expect.stringContaining(message)]);
    }
  });
});

describe("authorize server, for a user who calls it through a project and does not see it", () => {
  async function called() {
    const far = protectedServer();
    const mcp = await mcpTestServer({ publicUrls: ["https://mcpctl.example.org"] });
    await mcp.attach("far", { url: far.url, sharing: "principal", visibility: "private" });
    const { bearer, call } = await mcp.user("alice", [{ role: "run", resource: "projects" }]);
    const cli = (line: string, options: object = {}) =>
      run(line, { server: mcp, env: { MCPCTL_TOKEN: bearer }, ...options });
    return { far, mcp, call, cli };
  }

  it("ends when the browser has brought the answer to the server, or its refusal, with --callback", async () => {
    const { far, mcp, cli } = await called();
    for (const isRefused of [true, false]) {
      far.issuer.onRedirect = (params) => {
        if (!isRefused) return;
        params.delete("code");
        params.set("error", "access_denied");
      };
      const shown = Promise.withResolvers<string>();
      const running = cli("authorize server far --callback", {
        onOutput: (text: string) => text.includes("\n") && shown.resolve(text.trim()),
      });
      const page = await Promise.race([shown.promise, running.then(({ stderr }) => stderr)]);
      const back = await far.issuer.agree(page);
      expect((await mcp.as()("GET", back.pathname + back.search)).status).toBe(isRefused ? 502 : 200);
      const { code, stdout, stderr } = await running;
      if (isRefused) expect([code > 0, stderr]).toEqual([true, expect.stringContaining("access_denied")]);
      else
        expect([code, stdout, stderr]).toEqual([
          0,
          `${page}\nserver 'far' authorized by alice\n`,
          expect.any(String),
        ]);
    }
    expect((await cli("deauthorize server far")).stdout).toBe("server 'far' deauthorized\n");
    const again = await cli("deauthorize server far");
    expect([again.code, again.stderr]).toEqual([3, expect.stringContaining("nobody has given access")]);
    expect((await cli("authorize server fat --callback")).stderr).toContain('may not view server "fat"');
  });

  it("hides the server from others as one that does not exist, and shows no more of it than the access (T366)", async () => {
    const { mcp, call } = await called();
    const path = "/api/v1/servers/far/authorization";
    const { body } = await must(call("GET", path));
    expect(Object.keys(body).sort()).toEqual([
      "authorization",
      "createdAt",
      "id",
      "name",
      "updatedAt",
      "version",
    ]);
    const { call: other } = await mcp.user("bob", [{ role: "view", resource: "servers" }]);
    await must(mcp.admin("POST", "/api/v1/projects", { name: "q", proxyModel: "none" }));
    const { call: runner } = await mcp.user("carl", [{ role: "run", resource: "projects", name: "q" }]);
    for (const as of [other, runner]) {
      const [hidden, missing] = [await as("GET", path), await as("GET", path.replace("far", "fat"))];
      expect([hidden.status, hidden.text.replaceAll("far", "fat").replace(/req_\w+/, "")]).toEqual([
        missing.status,
        missing.text.replace(/req_\w+/, ""),
      ]);
      expect(hidden.status).toBeGreaterThanOrEqual(403);
    }
  });
});

describe("authorize server, where each user gives a key", () => {
  const key = "tracker-key-91b4c7";

  async function tracker() {
    const mcp = await mcpTestServer();
    const cli = (line: string, options: object = {}) =>
      run(line, { server: { url: `unix://${mcp.socketPath}` }, ...options });
    const made = await cli(
      `create server tracker --sharing principal --env TOKEN=user://token --sandbox none --command ${process.execPath}`,
    );
    expect(made.stderr).toBe("");
    return { mcp, cli };
  }

  it("asks for it on a terminal, or takes --data, and shows it nowhere", async () => {
    const { mcp, cli } = await tracker();
    const described = await cli("describe server tracker");
    expect(described.stdout).toContain("TOKEN=user://token");
    expect(described.stdout).toMatch(/NeedsAuthorization.*mcpctl authorize server tracker/);
    const asked = await cli("authorize server tracker", { answers: [key] });
    expect([asked.code, asked.stdout]).toEqual([0, "server 'tracker' has your token\n"]);
    const piped = await cli("authorize server/tracker --data token=-", { stdin: `${key}\n` });
    expect([piped.code, piped.stdout]).toEqual([0, "server 'tracker' has your token\n"]);
    const after = await cli("describe server tracker");
    expect(after.stdout).toMatch(/Status: authorized\n.*For: your calls\n.*Authorized by: admin\n\n/);
    const yaml = await cli("get server tracker -o yaml");
    expect(yaml.stdout).toMatch(/valueFrom:\n *userKey: token/);
    const all = [asked, piped, after, yaml].flatMap(({ stdout, stderr }) => [stdout, stderr]);
    expect([...all, ...mcp.logged].join()).not.toContain(key);
    expect((await cli("deauthorize server tracker")).stdout).toBe("server 'tracker' deauthorized\n");
  });

  it.each([
    ["authorize server tracker", 2, "--data token=@FILE"],
    ["authorize server tracker --data tokem=x-1", 1, "token: is required"],
    ["authorize server tracker --data token=x-1 --paste", 2, "the other flags for a login"],
    ["authorize server tracer --data token=x-1", 3, 'did you mean "tracker"'],
    ["create server more --url https://far.test/mcp --header x-api-key=user://token", 1, "sharing"],
  ])("refuses: %s", async (line, code, message) => {
    const { cli } = await tracker();
    const result = await cli(line, { stdin: "" });
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});
