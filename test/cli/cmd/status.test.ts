import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { version } from "../../../src/version.ts";
import { alice, catalogueResponses, failure, fakeApi } from "../../support/cli/fake-api.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";

const responses = {
  ...catalogueResponses(),
  "GET /api/v1/auth/whoami": alice,
  "GET /api/v1/version": { version: "9.9.9", commit: "abc", date: "2026-11-01", bun: "1.4.5" },
};

describe("status", () => {
  it("prints the server, the version skew, the user, published llms and failovers", async () => {
    const home = newHome();
    const providers = [{ name: "local", failoverFor: "claude" }, { name: "other" }, null];
    writeFileSync(join(home, "config.json"), JSON.stringify({ llm: { providers } }), { mode: 0o600 });
    const server = fakeApi(responses);
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

  it("works without the right to see llms, and fails without a server", async () => {
    const server = fakeApi({ ...responses, "GET /api/v1/llms": () => failure(403, "forbidden", "no") });
    expect((await cli("status", { server })).code).toBe(0);
    await server.stop();
    expect((await cli("status", { server })).code).toBe(1);
  });
});
