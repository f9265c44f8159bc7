import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { version } from "../../../src/version.ts";
import { hasOpenssl } from "../../support/certificates.ts";
import { alice, catalogueResponses, failure, fakeApi, llms, rows } from "../../support/cli/fake-api.ts";
import { expectGolden } from "../../support/cli/golden.ts";
import { cli, newHome } from "../../support/cli/run-cli.ts";
import { testServer } from "../../support/server.ts";
import { certificateFaults, closedPort, sshPort } from "../../support/unreachable.ts";

const responses = {
  "GET /readyz": () => new Response("ok\n"),
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
    expect(stdout).toMatch(/^Reachable: +yes, in \d+ ms$/m);
    expect(stdout).toContain(
      "LLMs:           2, 1 active\nWorkstations:   alice: 0 of 1 active\nFailovers:      claude → local\n",
    );
    expect(stderr).toContain("warning: the server has version 9.9.9, this program");
    const json = await cli("status -o json", { server, home });
    expect(JSON.parse(json.stdout)).toMatchObject({
      server: { url: server.url, version: "9.9.9" },
      identity: { user: "alice" },
      failovers: [{ llm: "claude", provider: "local" }],
    });
  });

  it("gives up after the time of --timeout (failure mode 253)", async () => {
    const server = fakeApi({ ...responses, "GET /readyz": () => new Promise(() => {}) });
    const { code, stdout, stderr } = await cli("status --timeout 60ms", { server });
    expect(code).toBe(6);
    expect(stdout).toMatch(/^Reachable: +no: .* did not respond in time$/m);
    expect(stderr).toContain("did not respond in time");
  });

  it("names the workstations that are connected, and counts those that are away", async () => {
    const one = (name: string, state: string) => ({
      ...{ name, user: "alice", state, version: "1", publishes: [] },
      ...{ connectedSince: null, lastSeenAt: null },
    });
    const workstations = (...all: object[]) =>
      cli("status", { server: fakeApi({ ...responses, "GET /api/v1/workstations": all }) });
    const { stdout } = await workstations(one("desk", "connected"), one("laptop", "away"));
    expect(stdout).toContain("\nWorkstations:   1 of 2 connected: desk (alice)\n");
    expect((await workstations()).stdout).toContain("\nWorkstations:   none connected\n");
    expect((await workstations(one("laptop", "away"))).stdout).toContain(": 0 of 1 connected\n".slice(2));
  });

  it("works without the right to see llms, and fails without a server", async () => {
    const server = fakeApi({ ...responses, "GET /api/v1/llms": () => failure(403, "forbidden", "no") });
    expect((await cli("status", { server })).code).toBe(0);
    await server.stop();
    const { code, stdout, stderr } = await cli("status", { server });
    expect(code).toBe(1);
    expect(stdout).toContain(
      `Server:        ${server.url} (MCPCTL_SERVER)\nReachable:     no: the connection was refused (`,
    );
    expect(stdout).toContain("Login:         no token\n");
    expect(stderr).toMatch(
      /^error: cannot reach http.*: the connection was refused \(\w+\)\nhint: start the server/,
    );
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

  describe("when something is wrong", () => {
    it("prints what it can without a login, and exits as that error does", async () => {
      const testing = await testServer();
      const none = await cli("status", { server: testing });
      expect(none.code).toBe(4);
      expect(none.stdout).toMatch(/^Reachable: +yes, in \d+ ms$/m);
      expect(none.stdout).toMatch(/^Version: +not known without a login \(this program: .*\)$/m);
      expect(none.stdout).toMatch(/^Login: +not logged in$/m);
      expect(none.stdout).not.toMatch(/LLMs|Database/);
      const refused = await cli("status -o json", { server: testing, env: { MCPCTL_TOKEN: "mcpctl_pat_x" } });
      expect(refused.code).toBe(4);
      expect(JSON.parse(refused.stdout)).toMatchObject({
        server: { reachable: true, reason: null },
        identity: null,
        problem: expect.stringMatching(/^the server refuses the token in MCPCTL_TOKEN: /),
      });
      expect(refused.stdout + refused.stderr).not.toContain("mcpctl_pat_x");
    });

    it.each([
      [
        "a name without address",
        () => "http://no-such-host.invalid",
        /the host name was not found|name server/,
      ],
      [
        "a port where nothing listens",
        () => `http://127.0.0.1:${closedPort()}`,
        /the connection was refused/,
      ],
      [
        "another program",
        () => `http://127.0.0.1:${sshPort()}`,
        /not HTTP|closed without an answer|cannot reach/,
      ],
      ["a socket that is gone", () => "unix:///nowhere/mcpctl.sock", /does not exist|refused/],
    ])("names the reason for %s", async (_, address, reason) => {
      const url = address();
      const { code, stdout, stderr } = await cli(["status", "--server", url]);
      expect(code).toBe(1);
      expect(stdout).toMatch(new RegExp(`^Reachable: +no: .*(${reason.source})`, "m"));
      expect(stderr).toContain("error: ");
    });

    it.skipIf(!hasOpenssl)("tells the end of a certificate, also if it is the reason", async () => {
      const { url } = certificateFaults()["an expired certificate"]!;
      const { code, stdout } = await cli(["status", "--server", url]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/^Reachable: +no: the certificate .*\([A-Z_]+\)$/m);
      expect(stdout).toMatch(/^Certificate: +(EXPIRED|expires) \d{4}-/m);
    });

    it("shows a failed backup in red, and one that succeeded in no colour", async () => {
      const statusOf = async (failedAt: string | null) => {
        const backups = { lastAt: null, name: null, failedAt, reason: failedAt && "no room", nextAt: null };
        const server = fakeApi({
          ...responses,
          "GET /api/v1/status": { database: { kind: "sqlite" }, backups },
        });
        const { stdout, stderr } = await cli("status --color always", { server, env: { NO_COLOR: "" } });
        return /^.*Backups: .*$/m.exec(stdout)?.[0] ?? stderr;
      };
      expect(await statusOf("2026-11-21T11:50:00Z")).toMatch(
        /^\u001b\[31mBackups: .*FAILED 10m ago: no room\u001b\[39m$/,
      );
      expect(await statusOf(null)).toMatch(/^Backups: +none yet$/);
    });

    it.each([80, 120, 200])(
      "names failing llms, limits near their end and servers, at %i columns",
      async (columns) => {
        const [first, ...others] = llms;
        const lastError = {
          at: "2026-11-21T11:50:00Z",
          code: "provider_error",
          message: "the provider answered with status 503",
        };
        const health = {
          status: "failing",
          since: "2026-11-21T11:00:00Z",
          checkedAt: "2026-11-21T11:50:00Z",
          latencyMs: null,
          lastError,
        };
        const limit = (name: string, used: number, limit = "costPerDay") => ({
          kind: "user",
          name,
          limit,
          used,
          reserved: 0,
          max: 10,
          resetsAt: "2026-11-22T00:00:00Z",
        });
        const server = fakeApi({
          ...responses,
          "GET /api/v1/auth/whoami": { ...alice, limits: [limit("alice", 3)] },
          "GET /api/v1/version": { ...version, version: version.version },
          "GET /api/v1/llms": [{ ...first, health }, ...others],
          "GET /api/v1/limits": [
            limit("alice", 3),
            limit("bob", 9.5),
            limit("carol", 10, "requestsPerMinute"),
          ],
          "GET /api/v1/status": {
            database: { kind: "postgres", bytes: 12_345_678 },
            replicas: ["one", "two"],
          },
          "GET /api/v1/instances": rows(
            "instance",
            { name: "files-1", status: "idle", error: null },
            { name: "web-1", status: "backoff", error: "the program has ended with code 1" },
          ),
          "GET /api/v1/secretbackends": rows(
            "secretbackend",
            { name: "default", health: null },
            { name: "bao", health: { status: "error", reason: "permission denied", checkedAt: "" } },
          ),
          "GET /api/v1/tokens": rows(
            "token",
            {
              name: "laptop",
              owner: "alice",
              expiresAt: "2026-11-24T12:00:00Z",
              createdAt: "2026-10-01T00:00:00Z",
            },
            {
              name: "ci",
              owner: "alice",
              expiresAt: "2026-11-20T12:00:00Z",
              createdAt: "2026-10-01T00:00:00Z",
            },
            // Of an hour, of somebody else, of next year, without an end.
            {
              name: "run",
              owner: "alice",
              expiresAt: "2026-11-21T13:00:00Z",
              createdAt: "2026-11-21T12:00:00Z",
            },
            {
              name: "bobs",
              owner: "bob",
              expiresAt: "2026-11-24T12:00:00Z",
              createdAt: "2026-10-01T00:00:00Z",
            },
            {
              name: "long",
              owner: "alice",
              expiresAt: "2027-11-24T12:00:00Z",
              createdAt: "2026-10-01T00:00:00Z",
            },
            { name: "ever", owner: "alice", expiresAt: null, createdAt: "2026-10-01T00:00:00Z" },
          ),
        });
        const { code, stdout } = await cli("status", { server, columns });
        expect(code).toBe(0);
        const steady = stdout
          .replace(server.url, "http://server")
          .replace(/in \d+ ms/, "in 3 ms")
          .replaceAll(version.version, "1.2.3");
        expectGolden("status.txt", steady);
      },
    );

    it("names the ending tokens of everybody to an administrator, ten at most", async () => {
      const tokens = Array.from({ length: 12 }, (_, i) => ({
        name: `t${i}`,
        owner: "bob",
        expiresAt: "2026-11-24T12:00:00Z",
        createdAt: "2026-10-01T00:00:00Z",
      }));
      const server = fakeApi({
        ...responses,
        "GET /api/v1/auth/whoami": { ...alice, admin: true },
        "GET /api/v1/tokens": rows("token", ...tokens),
      });
      const { stdout } = await cli("status", { server });
      expect(stdout).toMatch(/^Tokens ending: +t0 \(bob\) expires in 3d$/m);
      expect(stdout).toMatch(/^ +t9 \(bob\) expires in 3d\n +and 2 more$/m);
      expect(JSON.parse((await cli("status -o json", { server })).stdout).endingTokens).toHaveLength(12);
    });
  });
});
