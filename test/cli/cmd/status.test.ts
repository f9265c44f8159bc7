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

  describe("what the server uses", () => {
    const database = { bytes: 12_345_678, logBytes: 64_000, freeBytes: 81_000_000_000 };
    const connections = { open: 12, closed: { address: 3, descriptors: 0, vanished: 1 } };
    const statusOf = (use: unknown) =>
      cli("status", { server: fakeApi({ ...responses, "GET /api/v1/status": use }) });

    it("is printed: the database, its disk, the connections", async () => {
      const { stdout } = await statusOf({ database, connections });
      expect(stdout).toContain(
        "Database:       12 MB, 64 kB log, 81 GB free on its disk\n" +
          "Connections:    12 open; closed: 3 of an address with too many, 1 of vanished peers\n",
      );
      const server = fakeApi({ ...responses, "GET /api/v1/status": { database, connections } });
      expect(JSON.parse((await cli("status -o json", { server })).stdout)).toMatchObject({
        database,
        connections,
      });
    });

    it("has only what the server can find out", async () => {
      const { stdout } = await statusOf({ database: { bytes: 950 } });
      expect(stdout).toContain("Database:       950 B\n");
      expect(stdout).not.toContain("Connections");
      const none = { open: 0, closed: { address: 0, descriptors: 0, vanished: 0 } };
      const empty = await statusOf({ database: {}, connections: none });
      expect(empty.stdout).not.toContain("Database");
      expect(empty.stdout).toContain("Connections:    0 open\n");
    });

    it("is left out for a user who may not view metrics", async () => {
      const { code, stdout, stderr } = await statusOf(() => failure(403, "forbidden", "no"));
      expect([code, stdout.match(/Database|Connections/), stderr]).toEqual([
        0,
        null,
        expect.not.stringContaining("error"),
      ]);
    });

    it("is not taken from an answer of another form", async () => {
      const { code, stderr } = await statusOf({ database: { bytes: "many" }, connections });
      expect([code, stderr]).toEqual([1, expect.stringContaining("/database/bytes is not an integer")]);
    });
  });
});
