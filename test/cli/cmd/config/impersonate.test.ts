import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { alice, failure, fakeApi } from "../../../support/cli/fake-api.ts";
import { cli } from "../../../support/cli/run-cli.ts";

const bearer = "mcpctl_ses_0123456789abcdef";
const expiresAt = "2026-11-21T13:00:00Z";
const routes = {
  "GET /api/v1/auth/whoami": { ...alice, user: "admin" },
  "POST /api/v1/auth/impersonate": { token: bearer, user: "bob", expiresAt },
  "POST /api/v1/auth/logout": undefined,
  "GET /api/v1/llms": [],
};

describe("config impersonate", () => {
  it("keeps the session in a file of its own, and every command to that server uses it", async () => {
    const server = fakeApi(routes);
    const { code, stdout, home } = await cli("config impersonate bob", { server });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "acting as bob for an hour; end it with: mcpctl config impersonate --quit\n",
    });
    const file = join(home, "impersonation.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      token: bearer,
      server: server.url,
      user: "bob",
      by: "admin",
    });
    const { stderr } = await cli("get llms", { server, home });
    // Off a terminal only what was asked for is printed.
    expect(stderr).toBe("No llms found.\n");
    const seen = await cli("get llms", { server, home, answers: [] });
    expect(seen.stderr).toContain("acting as bob; you are admin\n");
    expect(server.tokens.slice(-2)).toEqual([bearer, bearer]);
    const another = fakeApi(routes);
    await cli("get llms", { server: another, home });
    await cli("get llms", { server, home, env: { MCPCTL_TOKEN: "own" } });
    expect([another.tokens, server.tokens.at(-1)]).toEqual([[""], "own"]);
  });

  it("stands before every question", async () => {
    const server = fakeApi(routes);
    const { home } = await cli("config impersonate bob", { server });
    const { prompts } = await cli("delete llm a b", { server, home, answers: ["n"] });
    expect(prompts).toEqual([expect.stringMatching(/^\(as bob\) Delete these 2/)]);
  });

  it("ends with --quit, also when the server has ended it before", async () => {
    const server = fakeApi(routes);
    const { home } = await cli("config impersonate bob", { server });
    expect((await cli("config impersonate carol", { server, home })).code).toBe(1);
    expect(await cli("config impersonate --quit", { server, home })).toMatchObject({
      code: 0,
      stdout: "no longer acting as bob\n",
    });
    expect([server.requests.at(-1), server.tokens.at(-1)]).toEqual(["POST /api/v1/auth/logout", bearer]);
    expect(existsSync(join(home, "impersonation.json"))).toBe(false);
    expect((await cli("config impersonate --quit", { server, home })).stderr).toBe(
      "you act as nobody else\n",
    );
    const ended = fakeApi({
      ...routes,
      "GET /api/v1/llms": () => failure(401, "unauthenticated", "log in, or send a valid token"),
      "POST /api/v1/auth/logout": () => failure(401, "unauthenticated", "log in, or send a valid token"),
    });
    const again = await cli("config impersonate bob", { server: ended });
    const refused = await cli("get llms", { server: ended, home: again.home });
    expect([refused.code, refused.stderr]).toEqual([
      4,
      "error: you no longer act as bob\nhint: to be yourself again: mcpctl config impersonate --quit\n",
    ]);
    expect((await cli("config impersonate --quit", { server: ended, home: again.home })).code).toBe(0);
  });

  it("wants one user or --quit, and no other token that would be used instead", async () => {
    const server = fakeApi(routes);
    expect((await cli("config impersonate", { server })).code).toBe(2);
    expect((await cli("config impersonate bob --quit", { server })).code).toBe(2);
    expect((await cli("config impersonate bob", { server, env: { MCPCTL_TOKEN: "own" } })).code).toBe(2);
    expect(server.requests).toEqual([]);
  });
});

describe("--daemon-url", () => {
  it("is --server, and is not in the help", async () => {
    const server = fakeApi(routes);
    expect((await cli(`get llms --daemon-url ${server.url}`)).code).toBe(0);
    expect(server.requests).toEqual(["GET /api/v1/llms"]);
    for (const line of ["help flags", "get --help", "--help", "__complete -- get --"])
      expect((await cli(line)).stdout).not.toContain("daemon-url");
  });
});
