import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alice, failure, fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const bearer = "mcpctl_ses_0123456789abcdef";
const session = { "POST /api/v1/auth/login": { token: bearer, expiresAt: "2026-12-21T12:00:00Z" } };

describe("login", () => {
  it("asks for user and password and stores the token in a file that only its owner can read", async () => {
    const server = fakeApi({ ...session, "GET /api/v1/auth/whoami": alice });
    const { code, stdout, stderr, prompts, home } = await cli("login", {
      server,
      answers: [" alice ", "hunter22 "],
    });
    expect({ code, stderr, prompts }).toEqual({
      code: 0,
      stderr: "",
      prompts: ["User: ", "Password: (hidden)"],
    });
    expect(stdout).toBe(`logged in to ${server.url} as alice\ncontext '127.0.0.1' is now current\n`);
    expect(server.bodies[0]).toEqual({ user: "alice", password: "hunter22 " });
    expect(readFileSync(join(home, "credentials.json"), "utf8")).toBe(
      `{"token":"${bearer}","server":"${server.url}"}\n`,
    );
    expect(statSync(join(home, "credentials.json")).mode & 0o777).toBe(0o600);
    await cli("whoami", { server, home });
    expect(server.tokens).toEqual(["", bearer]);
    const another = fakeApi({ "GET /api/v1/auth/whoami": alice });
    await cli("whoami", { server: another, home });
    expect(another.tokens).toEqual([""]);
  });

  it("warns before the password goes over plain HTTP to another machine, and sends no other token (T111)", async () => {
    const sent: string[] = [];
    const fetched = (async (url: URL, { headers }: RequestInit) => {
      sent.push(`${url.origin} ${new Headers(headers).get("authorization")}`);
      return Response.json({ token: bearer });
    }) as typeof fetch;
    const login = (server: string) =>
      cli(`login --user alice --password-stdin --server ${server}`, {
        stdin: "hunter22",
        env: { MCPCTL_TOKEN: "elsewhere" },
        fetch: fetched,
      });
    const { code, stderr } = await login("http://far.example:7777");
    expect(code).toBe(0);
    expect(stderr).toContain(
      "warning: http://far.example:7777 is plain HTTP: everybody on the way can read the password, and later the token; use https if the server has it\n",
    );
    for (const server of ["https://far.example", "http://127.0.0.1:7777", "http://localhost:7777"])
      expect((await login(server)).stderr).not.toContain("plain HTTP");
    expect(new Set(sent.map((line) => line.split(" ")[1]))).toEqual(new Set(["null"]));
  });

  it("makes the server's context the current one, and keeps the sessions of other servers", async () => {
    const home = newHome();
    const routes = (name: string) => ({
      "POST /api/v1/auth/login": { token: `mcpctl_ses_${name}`, expiresAt: "2026-12-21T12:00:00Z" },
      "GET /api/v1/auth/whoami": alice,
    });
    const [a, b] = [fakeApi(routes("a")), fakeApi(routes("b"))];
    const login = async (server: string) =>
      (await cli(`login --server ${server} --user alice --password-stdin`, { home, stdin: "hunter22" }))
        .stdout;
    await login(a.url);
    const port = new URL(b.url).port;
    expect(await login(b.url)).toContain(`context '127.0.0.1-${port}' is now current\n`);
    // A second login changes nothing more.
    expect(await login(b.url)).toBe(`logged in to ${b.url} as alice\n`);
    await cli("whoami", { home });
    await cli("whoami --context 127.0.0.1", { home });
    expect([a.tokens.at(-1), b.tokens.at(-1)]).toEqual(["mcpctl_ses_a", "mcpctl_ses_b"]);
    expect(await login(a.url)).toContain("context '127.0.0.1' is now current\n");
    await cli("whoami", { home });
    expect(a.tokens.at(-1)).toBe("mcpctl_ses_a");
  });

  it("creates the folder with mode 0700 (T85)", async () => {
    const home = join(newHome(), "new");
    await cli("login -u alice --password-stdin", { server: fakeApi(session), home, stdin: "p\n" });
    expect(statSync(home).mode & 0o777).toBe(0o700);
  });

  it("reads the password from standard input without its line break", async () => {
    const server = fakeApi(session);
    const { prompts } = await cli("login --user alice --password-stdin", { server, stdin: " p w \r\n" });
    expect(server.bodies[0]).toEqual({ user: "alice", password: " p w " });
    expect(prompts).toEqual([]);
    expect((await cli("login --user alice --password-stdin", { server, stdin: "\n" })).code).toBe(2);
  });

  it("stores nothing and prints no password if the server refuses it", async () => {
    const server = fakeApi({
      "POST /api/v1/auth/login": () => failure(401, "unauthenticated", "wrong user or password"),
    });
    const { code, stdout, stderr, home } = await cli("login --user alice --password-stdin -v", {
      server,
      stdin: "hunter22",
    });
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(stderr).not.toContain("hunter22");
    expect(existsSync(join(home, "credentials.json"))).toBe(false);
  });

  it("warns that MCPCTL_TOKEN is used instead, and prints no token", async () => {
    const { stdout, stderr } = await cli("login --user alice --password-stdin", {
      server: fakeApi(session),
      stdin: "p",
      env: { MCPCTL_TOKEN: "mcpctl_pat_env" },
    });
    expect(stderr).toContain("warning: MCPCTL_TOKEN is set");
    expect(stdout + stderr).not.toMatch(/mcpctl_(pat|ses)_/);
  });

  it("is a usage error without a terminal", async () => {
    expect((await cli("login", { server: fakeApi(session) })).code).toBe(2);
  });
});
