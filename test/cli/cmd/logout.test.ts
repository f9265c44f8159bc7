import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failure, fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const bearer = "mcpctl_ses_0123456789abcdef";

describe("logout", () => {
  function loggedIn(): string {
    const home = newHome();
    writeFileSync(join(home, "credentials.json"), `{"token":"${bearer}"}`, { mode: 0o600 });
    return home;
  }

  it("revokes the session and deletes its token", async () => {
    const server = fakeApi({ "POST /api/v1/auth/logout": undefined });
    const home = loggedIn();
    expect(await cli("logout", { server, home })).toMatchObject({
      code: 0,
      stdout: `logged out of ${server.url}\n`,
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
  ])("deletes the token also if the server responds with %d", async (status, code, warning) => {
    const home = loggedIn();
    const outcome = await cli("logout", {
      home,
      server: fakeApi({ "POST /api/v1/auth/logout": () => failure(status, code, "no") }),
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stderr.startsWith(warning)).toBe(true);
    expect(existsSync(join(home, "credentials.json"))).toBe(false);
  });

  it("ends the session at its own server, whatever context is current", async () => {
    const home = newHome();
    const routes = {
      "POST /api/v1/auth/login": { token: bearer, expiresAt: "2026-12-21T12:00:00Z" },
      "POST /api/v1/auth/logout": undefined,
    };
    const [first, second] = [fakeApi(routes), fakeApi(routes)];
    const login = (server: string) =>
      cli(`login --server ${server} --user alice --password-stdin`, { home, stdin: "hunter22" });
    await login(first.url);
    await login(second.url);
    // The second one is current now.
    expect((await cli("logout", { home })).stdout).toBe(`logged out of ${second.url}\n`);
    expect([first.requests.length, second.requests.length]).toEqual([1, 2]);
    // There is one other session, so it is meant.
    expect((await cli("logout", { home })).stdout).toBe(`logged out of ${first.url}\n`);
    expect(first.tokens.at(-1)).toBe(bearer);
    expect(existsSync(join(home, "credentials.json"))).toBe(false);
  });

  it("asks which session is meant if there are several elsewhere, and touches none", async () => {
    const home = newHome();
    const [a, b] = ["https://a.example", "https://b.example"];
    const text = JSON.stringify({ token: bearer, server: a, others: { [b]: "mcpctl_ses_other" } });
    writeFileSync(join(home, "credentials.json"), text, { mode: 0o600 });
    const server = fakeApi({});
    const { code, stderr } = await cli("logout", { home, server });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: not logged in to ${server.url}\nhint: you are logged in to ${a}, ${b}; to end a session there: mcpctl logout --server ${a}\n`,
    );
    expect(readFileSync(join(home, "credentials.json"), "utf8")).toBe(text);
    expect(server.requests).toEqual([]);
  });
});
