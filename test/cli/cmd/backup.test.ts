import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decrypted, encrypted, newTransferKey } from "../../../src/backup/age.ts";
import { backupOf, collected, inPieces, tableOf } from "../../backup/archives.ts";
import { fakeApi } from "../../support/cli/fake-api.ts";
import { cli } from "../../support/cli/run-cli.ts";
import { must, type TestServer, testServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const value = "MARKED-VALUE-91c2";

/** A server with a secret, and a folder to work in. */
async function setUp() {
  const server = await testServer();
  await must(server.admin("POST", "/api/v1/secrets", { name: "openai", data: { k: value } }));
  const home = temporaryFolder();
  writeFileSync(join(home, "pass"), "correct horse\n", { mode: 0o600 });
  writeFileSync(join(home, "wrong"), "wrong horse\n", { mode: 0o600 });
  return { server, home, run: runAt(home) };
}

const runAt =
  (home: string) =>
  (server: TestServer, line: string, more: { stdin?: string } = {}) =>
    cli(`${line} --server unix://${server.socketPath}`, { home, ...more });

describe("mcpctl backup and restore", () => {
  it("save a server in a file that only its owner reads, and fill another one", async () => {
    const { server, home, run } = await setUp();
    const saved = await run(server, "backup b.tar.zst");
    expect(saved.stdout).toMatch(
      /^backup written to \/.*\/b\.tar\.zst \([\d.]+ kB, \d+ objects, \d+ rows\)\n$/,
    );
    expect(saved).toMatchObject({ code: 0, stderr: expect.stringContaining("--with-secrets") });
    expect(statSync(join(home, "b.tar.zst")).mode & 0o777).toBe(0o600);
    const again = await run(server, "backup b.tar.zst");
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("stands already") });
    const named = await run(server, "backup -o json --without-audit");
    const told = JSON.parse(named.stdout);
    expect(told).toMatchObject({ audit: false, secrets: "references", tables: { threads: 0 } });
    expect(told.file).toMatch(/\/mcpctl-backup-20261121T120000Z\.tar\.zst$/);

    const verified = await cli("backup verify b.tar.zst", { home });
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("every byte is right") });
    const second = await testServer();
    const dry = await run(second, "restore b.tar.zst --dry-run");
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(/^dry run, nothing was changed: /) });
    expect((await second.admin("GET", "/api/v1/secrets")).body).toEqual([]);
    const restored = await run(second, "restore b.tar.zst");
    expect(restored).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^restored: \d+ objects created, 0 /),
    });
    expect(restored.stderr).toContain("the backup has no values of these secrets: openai");
    expect(await run(second, "restore b.tar.zst")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^error: the database is not empty: it has secret "openai"\nhint: Add --merge skip/,
      ),
    });
    const merged = await run(second, "restore b.tar.zst --merge skip -o json");
    expect(JSON.parse(merged.stdout)).toMatchObject({
      merge: "skip",
      rows: { resources: { created: 0, replaced: 0 } },
    });
  });

  it("are refused to who does not hold the operations, in one line", async () => {
    const { server, home, run } = await setUp();
    await run(server, "backup b.tar.zst");
    const { bearer } = await server.user("eve", [{ role: "view", resource: "llms" }]);
    for (const [line, error] of [
      ["backup c.tar.zst", "error: you may not run backup\n"],
      ["restore b.tar.zst", "error: you may not run restore\n"],
    ] as const)
      expect(await cli(line, { home, server, env: { MCPCTL_TOKEN: bearer } }), line).toMatchObject({
        code: 4,
        stdout: "",
        stderr: expect.stringContaining(error),
      });
    expect(readdirSync(home)).not.toContain("c.tar.zst");
  });

  it("encrypt the values of secrets, and open them only with the passphrase", async () => {
    const { server, home, run } = await setUp();
    expect(await run(server, "backup --with-secrets x")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--with-secrets needs --recipient or --passphrase-file"),
    });
    const { key, recipient } = await newTransferKey();
    writeFileSync(join(home, "key"), `# a comment\n${(key as { identities: string[] }).identities[0]}\n`);
    const saved = await run(server, `backup --with-secrets --recipient ${recipient} b.age`);
    expect(saved).toMatchObject({ code: 0, stderr: "" });
    const bytes = readFileSync(join(home, "b.age"));
    expect(bytes.toString("latin1", 0, 21)).toBe("age-encryption.org/v1");
    expect(bytes.includes(value)).toBe(false);
    expect((await cli("backup verify b.age --identity key", { home })).stdout).toContain("with their values");
    // A passphrase costs a second by design; here it costs less.
    const plain = await collected(decrypted(inPieces(bytes), key));
    const lock = { passphrase: "correct horse", workFactor: 4 };
    writeFileSync(join(home, "p.age"), await collected(encrypted(inPieces(plain), lock)));
    const second = await testServer();
    for (const [line, error] of [
      ["restore b.age", "b.age is encrypted"],
      ["restore p.age --passphrase-file wrong", "the passphrase or key does not open the backup"],
      ["restore b.age --passphrase-file pass", "the passphrase or key does not open the backup"],
      ["restore b.age --passphrase-file nothing", "cannot read nothing"],
      ["restore b.age --identity pass", "is not a secret key of age"],
    ] as const)
      expect((await run(second, line)).stderr, line).toContain(error);
    expect((await second.admin("GET", "/api/v1/secrets")).body).toEqual([]);
    expect((await run(second, "restore p.age --passphrase-file pass")).stderr).toBe("");
    const shown = await second.admin("GET", "/api/v1/secrets/openai?reveal=true");
    expect(shown.body.data).toEqual({ k: value });
  });

  it("write a backup to a pipe, and read one from a pipe", async () => {
    const { server, run } = await setUp();
    const { stdout } = await run(server, "backup -");
    expect(Buffer.from(stdout, "latin1").readUInt32LE(0)).toBe(0xfd2fb528);
    expect(await cli(`backup - --server unix://${server.socketPath}`, { answers: [] })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not written to a terminal"),
    });
  });

  it.each([
    ["damaged", (bytes: Buffer) => bytes.with(40, bytes[40]! ^ 1)],
    ["cut off", (bytes: Buffer) => bytes.subarray(0, -50)],
  ])("keep no file of a backup that arrives %s", async (_what, change) => {
    const bytes = change(await backupOf(tableOf("resources", [{ id: "a" }])));
    const home = temporaryFolder();
    const server = fakeApi({ "GET /api/v1/backup": () => new Response(Uint8Array.from(bytes)) });
    const { code, stderr, stdout } = await cli("backup b.tar.zst", { home, server });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("the backup is damaged");
    expect(readdirSync(home)).toEqual([]);
  });

  it("keep no file when Ctrl-C is pressed in the middle", async () => {
    const home = temporaryFolder();
    const stop = new AbortController();
    const bytes = await backupOf(tableOf("resources", [{ id: "a" }]));
    const server = fakeApi({
      "GET /api/v1/backup": () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(Uint8Array.from(bytes.subarray(0, 100)));
              setTimeout(() => stop.abort(), 50);
            },
          }),
        ),
    });
    const { code, stderr } = await cli("backup b.tar.zst", { home, server, signal: stop.signal });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(readdirSync(home)).toEqual([]);
  });
});
