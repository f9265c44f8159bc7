import { existsSync, writeFileSync } from "node:fs";
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
});
