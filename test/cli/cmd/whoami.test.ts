import { expect, it } from "vitest";
import { alice, fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";

it("whoami prints the user, the token, the groups and the expiry", async () => {
  const server = fakeApi({ "GET /api/v1/auth/whoami": alice });
  const { stdout } = await cli("whoami", { server });
  expect(stdout).toBe(
    `User:           alice\nGroups:         friends\nAdministrator:  no\nExpires:        2026-12-21T12:00:00Z (in 30d)\nServer:         ${server.url}\n`,
  );
  expect(JSON.parse((await cli("whoami -o json", { server })).stdout)).toEqual(alice);
  expect((await cli("whoami -o name", { server })).code).toBe(2);
});
