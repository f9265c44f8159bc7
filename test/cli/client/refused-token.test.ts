import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failure, fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import { testServer } from "../../support/server.ts";

const refusing = () =>
  fakeApi({
    "GET /api/v1/auth/whoami": () => failure(401, "unauthenticated", "log in, or send a valid token"),
  });

describe("a token that the server refuses", () => {
  it("of MCPCTL_TOKEN is named as that, and is not shown", async () => {
    const env = { MCPCTL_TOKEN: "mcpctl_pat_canary" };
    const { code, stderr } = await cli("whoami", { server: refusing(), env });
    expect(code).toBe(4);
    expect(stderr).toContain(
      "error: the server refuses the token in MCPCTL_TOKEN: it has expired, was revoked,",
    );
    expect(stderr).toContain("hint: set MCPCTL_TOKEN to a valid token, or unset it to use your login");
    expect(stderr).not.toMatch(/canary|not logged in/);
  });

  it("of a file is named by the file", async () => {
    const home = newHome();
    writeFileSync(join(home, "t"), "mcpctl_pat_canary", { mode: 0o600 });
    const { code, stderr } = await cli(`whoami --token-file ${join(home, "t")}`, {
      server: refusing(),
      home,
    });
    expect([code, stderr]).toEqual([
      4,
      expect.stringContaining(`the token in ${join(home, "t")}: it has expired`),
    ]);
    expect(stderr).not.toContain("canary");
  });

  it("is not named where none was sent, or where the server says something else", async () => {
    const { stderr } = await cli("whoami", { server: refusing() });
    expect(stderr).toContain("error: log in, or send a valid token");
    const other = fakeApi({
      "GET /api/v1/auth/whoami": () => failure(401, "unauthenticated", "another reason"),
    });
    const said = await cli("whoami", { server: other, env: { MCPCTL_TOKEN: "mcpctl_pat_canary" } });
    expect(said.stderr).toContain("error: another reason");
  });
});

it("a missing right has the way to it, which does not tell what exists (T234)", async () => {
  const server = await testServer();
  await server.admin("POST", "/api/v1/llms?probe=false", { name: "gpt", type: "openai", model: "m" });
  const { call } = await server.user("bob");
  const list = await call("GET", "/api/v1/llms");
  expect(list.body).toMatchObject({
    error: "you may not view llms",
    hint: "an administrator can allow it: mcpctl grant USER view llms; to see what you may do: mcpctl auth can-i --list",
  });
  const said = async (name: string) => {
    const { status, body } = await call("PUT", `/api/v1/llms/${name}`, { tier: "heavy" });
    return JSON.stringify([status, body.error, body.hint]).replaceAll(name, "NAME");
  };
  expect(await said("gpt")).toBe(await said("nope"));
  expect(await said("gpt")).toContain("mcpctl grant USER edit llms;");
  expect((await call("GET", "/api/v1/backup")).body.hint).toContain("mcpctl grant USER run backup;");
});
