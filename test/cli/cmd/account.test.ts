import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { version } from "../../../src/version.ts";
import { catalogueResponses, failure, fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const alice = {
  kind: "User",
  user: "alice",
  groups: ["friends"],
  admin: false,
  expiresAt: "2026-12-21T12:00:00Z",
};
const bearer = "mcpctl_ses_0123456789abcdef";
const session = { "POST /api/v1/auth/login": { token: bearer, expiresAt: "2026-12-21T12:00:00Z" } };

describe("login", () => {
  it("asks, the password hidden, and keeps the bearer where only its owner reads it", async () => {
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
    expect(stdout).toBe(`logged in to ${server.url} as alice\n`);
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

  it("makes the folder for its owner alone (T85)", async () => {
    const home = join(newHome(), "new");
    await cli("login -u alice --password-stdin", { server: fakeApi(session), home, stdin: "p\n" });
    expect(statSync(home).mode & 0o777).toBe(0o700);
  });

  it("reads the password from standard input, but for its line end", async () => {
    const server = fakeApi(session);
    const { prompts } = await cli("login --user alice --password-stdin", { server, stdin: " p w \r\n" });
    expect(server.bodies[0]).toEqual({ user: "alice", password: " p w " });
    expect(prompts).toEqual([]);
    expect((await cli("login --user alice --password-stdin", { server, stdin: "\n" })).code).toBe(2);
  });

  it("keeps nothing when it is refused, and says nothing it was told", async () => {
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

  it("warns that a token of the environment goes first, without showing either", async () => {
    const { stdout, stderr } = await cli("login --user alice --password-stdin", {
      server: fakeApi(session),
      stdin: "p",
      env: { MCPCTL_TOKEN: "mcpctl_pat_env" },
    });
    expect(stderr).toContain("warning: MCPCTL_TOKEN is set");
    expect(stdout + stderr).not.toMatch(/mcpctl_(pat|ses)_/);
  });

  it("needs somebody to ask", async () => {
    expect((await cli("login", { server: fakeApi(session) })).code).toBe(2);
  });
});

describe("logout", () => {
  function loggedIn(): string {
    const home = newHome();
    writeFileSync(join(home, "credentials.json"), `{"token":"${bearer}"}`, { mode: 0o600 });
    return home;
  }

  it("ends the session and forgets its bearer", async () => {
    const server = fakeApi({ "POST /api/v1/auth/logout": undefined });
    const home = loggedIn();
    expect(await cli("logout", { server, home })).toMatchObject({
      code: 0,
      stdout: "logged out\n",
      stderr: "",
    });
    expect(server.tokens).toEqual([bearer]);
    expect(existsSync(join(home, "credentials.json"))).toBe(false);
    expect(await cli("logout", { server, home })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "not logged in\n",
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [401, "unauthenticated", ""],
    [503, "unavailable", "warning: the server did not end the session"],
  ])("forgets it also when the server says %d", async (status, code, warning) => {
    const home = loggedIn();
    const outcome = await cli("logout", {
      home,
      server: fakeApi({ "POST /api/v1/auth/logout": () => failure(status, code, "no") }),
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stderr.startsWith(warning)).toBe(true);
    expect(existsSync(join(home, "credentials.json"))).toBe(false);
  });
});

describe("passwd", () => {
  const answers = { "POST /api/v1/auth/passwd": undefined };

  it("asks for the current one and twice for the new one", async () => {
    const server = fakeApi(answers);
    const outcome = await cli("passwd", { server, answers: ["old", "newnewnew", "newnewnew"] });
    expect(outcome).toMatchObject({ code: 0, stdout: "password set\n" });
    expect(outcome.prompts.every((question) => question.endsWith("(hidden)"))).toBe(true);
    expect(server.bodies).toEqual([{ current: "old", password: "newnewnew" }]);
  });

  it("sends nothing when the two differ", async () => {
    const server = fakeApi(answers);
    expect((await cli("passwd", { server, answers: ["old", "newnewnew", "newnewneW"] })).code).toBe(1);
    expect(server.requests).toEqual([]);
  });

  it("does not ask for the current one over the Unix socket", async () => {
    const server = fakeApi(answers, { unix: join(newHome(), "s.sock") });
    const { code, prompts } = await cli("passwd", { server, answers: ["newnewnew", "newnewnew"] });
    expect({ code, prompts: prompts.length }).toEqual({ code: 0, prompts: 2 });
    expect(server.bodies).toEqual([{ password: "newnewnew" }]);
  });

  it("takes one or two lines of standard input", async () => {
    const server = fakeApi(answers);
    await cli("passwd --password-stdin", { server, stdin: "newnewnew\n" });
    await cli("passwd --password-stdin", { server, stdin: "old\nnewnewnew" });
    expect(server.bodies).toEqual([{ password: "newnewnew" }, { current: "old", password: "newnewnew" }]);
    for (const stdin of ["", "a\nb\nc", "\nb"])
      expect((await cli("passwd --password-stdin", { server, stdin })).code).toBe(2);
  });
});

describe("whoami, status, version, can-i", () => {
  const answers = {
    ...catalogueResponses(),
    "GET /api/v1/auth/whoami": alice,
    "GET /api/v1/version": { version: "9.9.9", commit: "abc", date: "2026-11-01", bun: "1.4.5" },
  };

  it("says who one is", async () => {
    const server = fakeApi(answers);
    const { stdout } = await cli("whoami", { server });
    expect(stdout).toBe(
      `User:           alice\nGroups:         friends\nAdministrator:  no\nExpires:        2026-12-21T12:00:00Z (in 30d)\nServer:         ${server.url}\n`,
    );
    expect(JSON.parse((await cli("whoami -o json", { server })).stdout)).toEqual(alice);
    expect((await cli("whoami -o yaml", { server })).code).toBe(2);
  });

  it("shows the server, the skew, oneself, what agents publish and failovers", async () => {
    const home = newHome();
    const providers = [{ name: "local", failoverFor: "claude" }, { name: "other" }, null];
    writeFileSync(join(home, "config.json"), JSON.stringify({ llm: { providers } }), { mode: 0o600 });
    const server = fakeApi(answers);
    const { code, stdout, stderr } = await cli("status", { server, home });
    expect(code).toBe(0);
    expect(stdout).toContain(`Server:         ${server.url} (MCPCTL_SERVER)\n`);
    expect(stdout).toContain(`Version:        9.9.9 (this program: ${version.version})\n`);
    expect(stdout).toContain(
      "LLMs:           2, 1 active\nAgents:         alice: 0 of 1 active\nFailovers:      claude → local\n",
    );
    expect(stderr).toContain("warning: the server has version 9.9.9, this program");
    const json = await cli("status -o json", { server, home });
    expect(JSON.parse(json.stdout)).toMatchObject({
      server: { url: server.url, version: "9.9.9" },
      identity: { user: "alice" },
      failovers: [{ llm: "claude", provider: "local" }],
    });
  });

  it("works for those who may not see llms, and fails when there is no server", async () => {
    const server = fakeApi({ ...answers, "GET /api/v1/llms": () => failure(403, "forbidden", "no") });
    expect((await cli("status", { server })).code).toBe(0);
    await server.stop();
    expect((await cli("status", { server })).code).toBe(1);
  });

  it("prints both versions as JSON and nothing else", async () => {
    const server = fakeApi(answers);
    const { code, stdout, stderr } = await cli("version -o json", { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ client: { ...version }, server: answers["GET /api/v1/version"] });
    expect(stderr).toContain("9.9.9");
  });

  it("prints its own version when the server does not tell", async () => {
    const server = fakeApi({ "GET /api/v1/version": () => failure(401, "unauthenticated", "log in") });
    const { code, stdout, stderr } = await cli("version -o json", { server });
    expect(code).toBe(0);
    expect(JSON.parse(stdout).server).toBeNull();
    expect(stderr).toBe("warning: the version of the server is unknown: log in\n");
  });

  it.each([
    [["run", "llms/claude"], { verb: "run", resource: "llms", name: "claude" }],
    [["create", "sec"], { verb: "create", resource: "secrets" }],
    [["view", "audit"], { verb: "view", resource: "audit" }],
    [["run", "backup"], { verb: "run", action: "backup" }],
  ])("asks whether one may %j", async (words, body) => {
    for (const allowed of [true, false]) {
      const server = fakeApi({ "POST /api/v1/auth/can-i": { allowed } });
      const { code, stdout } = await cli(["auth", "can-i", ...words], { server });
      expect({ code, stdout }).toEqual(allowed ? { code: 0, stdout: "yes\n" } : { code: 1, stdout: "no\n" });
      expect(server.bodies).toEqual([body]);
    }
  });

  it.each([["fly", "llms"], ["run", "llms/"], ["run", "a/b/c"], ["run", "bakcup"], ["run"]])(
    "does not ask %j",
    async (...words) => {
      const server = fakeApi({});
      expect((await cli(["auth", "can-i", ...words], { server })).code).toBe(2);
      expect(server.requests).toEqual([]);
    },
  );
});

describe("credentials.json (T85)", () => {
  it.each([0o644, 0o640, 0o604])("is refused with mode %o, and its token is not sent", async (mode) => {
    const home = newHome();
    writeFileSync(join(home, "credentials.json"), `{"token":"${bearer}"}`, { mode });
    const server = fakeApi(catalogueResponses());
    const { code, stdout, stderr } = await cli("get llms", { server, home });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(
      `error: ${home}/credentials.json is refused: others can read it\nhint: run: chmod 600 ${home}/credentials.json\n`,
    );
    expect(server.requests).toEqual([]);
  });

  it("is not quoted when it is broken", async () => {
    const home = newHome();
    writeFileSync(join(home, "credentials.json"), `{"token":${bearer}`, { mode: 0o600 });
    const { code, stderr } = await cli("get llms -v", { server: fakeApi(catalogueResponses()), home });
    expect(code).toBe(1);
    expect(stderr).toContain("credentials.json is not JSON");
    expect(stderr).not.toContain("mcpctl_ses");
  });

  it("is refused in a folder that others can write to", async () => {
    const home = join(newHome(), "open");
    mkdirSync(home);
    writeFileSync(join(home, "credentials.json"), `{"token":"${bearer}"}`, { mode: 0o600 });
    const { chmodSync } = await import("node:fs");
    chmodSync(home, 0o770);
    expect((await cli("get llms", { server: fakeApi(catalogueResponses()), home })).stderr).toContain(
      "others can write to it",
    );
  });
});
