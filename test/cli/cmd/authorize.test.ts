import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cli as run } from "../../support/cli/run-cli.ts";
import { isNeeded, isReady } from "../../support/mcp/log-in.ts";
import { protectedServer } from "../../support/mcp/protected-server.ts";
import { mcpTestServer, until } from "../../support/mcp/runtime.ts";
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
