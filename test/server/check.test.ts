import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openStore } from "../../src/server/core/store/index.ts";
import { freshDatabase } from "../postgres.ts";
import { cli } from "../support/cli/run-cli.ts";
import { testServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const check = (folder: string, ...more: string[]) =>
  cli(["server", "--check", "--data-dir", folder, "--listen", "127.0.0.1:0", ...more], { home: folder });

describe("mcpctl server --check", () => {
  it("tells what a new server would use, and makes none of it", async () => {
    const root = temporaryFolder();
    const folder = join(root, "a/b");
    const checked = await check(folder, "--backup-dir", join(root, "backups"));
    expect(checked).toMatchObject({
      code: 0,
      stderr: "",
      stdout: `data directory: ${folder} will be made
database: ${folder}/mcpctl.db will be made
listen address: 127.0.0.1:0 is free
backup folder: ${root}/backups will be made
`,
    });
    expect(existsSync(join(root, "a"))).toBe(false);
    expect(existsSync(join(root, "backups"))).toBe(false);
  });

  it("refuses the values of flags that a start would refuse", async () => {
    const folder = join(temporaryFolder(), "new");
    for (const [flag, value, says] of [
      ["--memory-for-bodies", "5x", "is not a size of 64mb or more"],
      ["--max-connections-per-address", "x", "is not a number"],
      ["--quota", "lms=1", 'did you mean "llms"?'],
      ["--quota", "llms=x", "must be a whole number"],
      ["--trusted-proxy", "10.0.0.0/99", "is not an IP address or range"],
      ["--node-url", "node1:7777", "is not a URL"],
    ] as const)
      expect(await check(folder, flag, value), flag).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining(says),
      });
    const log = (path: string) => check(folder, "--log-file", path);
    expect((await log(join(folder, "..", "log"))).stdout).toMatch(/^log file: \S+\/log will be made$/m);
    for (const [path, says] of [
      [join(folder, ".."), "is a folder"],
      [join(folder, "log"), "it does not exist"],
    ] as const)
      expect(await log(path)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(new RegExp(`^error: log file: .*${says}`)),
      });
    expect(existsSync(folder)).toBe(false);
  });

  it("looks at a database without changing it, and tells of migrations and of newer ones", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "mcpctl.db");
    await (await openStore({ path, now: Date.now })).close();
    expect((await check(folder)).stdout).toMatch(/^database: \S+ is up to date \(\d{4}_\w+\)$/m);
    const change = (text: string) => {
      using database = new Database(path);
      database.run(text);
      database.run("pragma wal_checkpoint(truncate)");
    };
    change("delete from schema_migrations where name = (select max(name) from schema_migrations)");
    const before = readFileSync(path);
    expect((await check(folder)).stdout).toMatch(
      /^database: \S+ will be migrated from \d{4}_\w+ to \d{4}_\w+$/m,
    );
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes("before"))).toEqual([]);
    change("insert into schema_migrations values ('9999_later', 9e15, '9.1.0')");
    expect(await check(folder)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^error: database: .* was written by a newer mcpctl 9\.1\.0.*\nhint: Upgrade mcpctl to 9\.1\.0/,
      ),
    });
  });

  it("tells of a server that runs there, of a port that is taken, and of files that cannot be used", async () => {
    const server = await testServer();
    const port = new URL(server.url).port;
    const folder = temporaryFolder();
    const taken = await cli(["server", "--check", "--data-dir", folder, "--listen", `127.0.0.1:${port}`]);
    expect(taken).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`cannot listen on 127.0.0.1:${port}`),
    });
    writeFileSync(join(folder, "file"), "x");
    expect(await check(join(folder, "file"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not a folder"),
    });
    mkdirSync(join(folder, "other"));
    writeFileSync(join(folder, "other/mcpctl.db"), "no database ".repeat(100));
    expect(await check(join(folder, "other"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not an SQLite database"),
    });
    const used = await check(server.folder);
    expect(used.stderr).toContain("another mcpctl server is using");
    // With its socket in the usual place it is known to be the server that a restart would replace.
    const usual = temporaryFolder();
    await testServer({ folder: usual, socketPath: join(usual, "mcpctl.sock") });
    expect(await check(usual)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("database: is used by the server that runs there now"),
    });
  });

  it("looks at PostgreSQL without changing it", async () => {
    const url = await freshDatabase();
    const folder = temporaryFolder();
    const look = () => check(folder, "--database-url", url);
    expect((await look()).stdout).toMatch(/^database: postgres:\S+ is new$/m);
    expect((await look()).stdout).toMatch(/^database: postgres:\S+ is new$/m);
    await (await openStore({ url, now: Date.now })).close();
    expect((await look()).stdout).toMatch(/^database: postgres:\S+ is up to date/m);
    expect(await check(folder, "--database-url", "postgres://127.0.0.1:1/x")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("error: database: cannot open"),
    });
  });
});
