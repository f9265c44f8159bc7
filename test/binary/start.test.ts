import { Database } from "bun:sqlite";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { freshFolder, mcpctl, must, type Outcome, type RunOptions, startBinary } from "../support/binary.ts";

const isRoot = process.getuid?.() === 0;
/** Root may do anything, and a file's mode tells it nothing; without these it is as anybody else. */
const powerless = isRoot ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] : [];

/** A server that is not to start. */
function start(home: string, options: RunOptions & { args?: string } = {}): Promise<Outcome> {
  const { args = "--listen 127.0.0.1:0", ...more } = options;
  return mcpctl(`server ${args}`, { home, ...more });
}

/** Ended by one error, told in one line, with at most a hint under it. */
function refusal(message: RegExp): Outcome {
  const stderr = expect.stringMatching(new RegExp(`^error: ${message.source}\\n(hint: .*\\n)?$`));
  return { code: 1, stdout: "", stderr: stderr as string };
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe("two servers", () => {
  it("do not share a port", async () => {
    const first = await startBinary();
    const { host } = new URL(first.url);
    const second = await start(freshFolder(), { args: `--listen ${host}` });
    expect(second).toEqual(refusal(/127\.0\.0\.1:\d+ is taken by another program/));
    expect(second.stderr).toContain(host);
    expect(second.stderr).toContain("--listen");
    expect((await first.call("GET", "/healthz")).status).toBe(200);
  });

  it("do not share a data directory, and the second does the first no harm", async () => {
    const first = await startBinary();
    expect(await start(first.home)).toEqual(refusal(/another mcpctl server is using \S+mcpctl\.db/));
    expect(await must(first.run("create group g"))).toContain("created");
    expect((await first.call("GET", "/readyz")).status).toBe(200);
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(existsSync(first.socketPath)).toBe(false);
  });

  it("can follow one another: the next takes over the socket and the lock that kill -9 left behind", async () => {
    const first = await startBinary();
    await must(first.run("create group g"));
    first.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    expect(existsSync(first.socketPath)).toBe(true);
    // Nobody answers there: the command line goes on to where a server might be.
    expect(await first.run("get groups --timeout 5s")).toMatchObject({ stdout: "" });

    const second = await startBinary({ home: first.home });
    expect(second.socketPath).toBe(first.socketPath);
    expect(await must(second.run("get groups -o name"))).toBe("group/g\n");
  });
});

describe("the data directory", () => {
  const loosely = ["sh", "-c", 'umask 022; exec "$@"', "sh"];

  it("is readable by its owner alone, whatever the umask (T86)", async () => {
    const { dataDir, home } = await startBinary({ before: loosely });
    expect(modeOf(dataDir)).toBe("700");
    expect(modeOf(join(home, ".mcpctl"))).toBe("700");
    for (const name of ["mcpctl.db", "mcpctl.db-wal", "mcpctl.db-shm", "mcpctl.db.lock", "mcpctl.sock"])
      expect([name, modeOf(join(dataDir, name))]).toEqual([name, "600"]);
  });

  it("is closed to other users at start when it was open to them (T86)", async () => {
    const first = await startBinary();
    first.kill("SIGKILL");
    await first.ended;
    chmodSync(first.dataDir, 0o755);
    for (const name of ["mcpctl.db", "mcpctl.db-wal"]) chmodSync(join(first.dataDir, name), 0o644);
    await startBinary({ home: first.home, before: loosely });
    expect(modeOf(first.dataDir)).toBe("700");
    for (const name of ["mcpctl.db", "mcpctl.db-wal"]) expect(modeOf(join(first.dataDir, name))).toBe("600");
  });

  it("is the folder of --data-dir or MCPCTL_DATA_DIR, and the command line finds the socket there", async () => {
    const [byFlag, byName] = [join(freshFolder(), "a/b"), join(freshFolder(), "c")];
    const env = { MCPCTL_DATA_DIR: byName };
    const first = await startBinary({ args: ["--data-dir", byFlag], env });
    const second = await startBinary({ env });
    expect([first.dataDir, second.dataDir]).toEqual([byFlag, byName]);
    expect(await must(first.run("whoami", { env: { MCPCTL_DATA_DIR: byFlag } }))).toContain(
      `unix://${byFlag}`,
    );
    expect(existsSync(join(first.home, ".mcpctl"))).toBe(false);
  });

  it("is refused by name when it is a file, cannot be written, or has a path too long for a socket", async () => {
    const home = freshFolder();
    const file = join(home, "file");
    writeFileSync(file, "");
    const listen = "--listen 127.0.0.1:0 --data-dir";
    expect(await start(home, { args: `${listen} ${file}` })).toEqual(
      refusal(/cannot use the data directory \S+file: .+/),
    );
    expect(await start(home, { args: `${listen} ${file}/x` })).toEqual(
      refusal(/cannot use the data directory \S+x: .+ \(ENOTDIR\)/),
    );
    const long = join(home, "d".repeat(100));
    expect(await start(home, { args: `${listen} ${long}` })).toEqual(
      refusal(/the path of the Unix socket is too long: \S+/),
    );

    const closed = join(home, "closed");
    mkdirSync(closed, { mode: 0o500 });
    const within = { args: `${listen} ${closed}/x`, before: powerless };
    expect(await start(home, within)).toEqual(refusal(/cannot use the data directory \S+x: .+ \(EACCES\)/));
  });
});

describe("a database that cannot be used", () => {
  function homeWith(database: string | Uint8Array): { home: string; file: string } {
    const home = freshFolder();
    const folder = join(home, ".mcpctl/server");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "mcpctl.db");
    writeFileSync(file, database);
    return { home, file };
  }

  /** The bytes of a database that a server has left in good order. */
  async function grown(): Promise<Uint8Array> {
    const server = await startBinary();
    await must(server.run("create secret s --data k=-", { input: "v".repeat(60_000) }));
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    return readFileSync(join(server.dataDir, "mcpctl.db"));
  }

  async function refused(database: string | Uint8Array, message: RegExp): Promise<void> {
    const { home, file } = homeWith(database);
    expect(await start(home)).toEqual(refusal(message));
    expect(Buffer.from(database).equals(readFileSync(file))).toBe(true);
  }

  it("is left unchanged when it is not a database, or a damaged one", async () => {
    await refused("this is not a database\n".repeat(100), /\S+mcpctl\.db is not an SQLite database/);
    const bytes = await grown();
    await refused(bytes.fill(0xa5, 4096 + 100, 4096 * 8), /\S+mcpctl\.db is damaged/);
  });

  it("is left unchanged when a newer mcpctl or another program wrote it (T88)", async () => {
    const newer = join(freshFolder(), "newer.db");
    writeFileSync(newer, await grown());
    const theirs = new Database(newer);
    theirs.run("insert into schema_migrations (name, applied_at) values ('9999_future', 0)");
    theirs.close();
    await refused(readFileSync(newer), /\S+mcpctl\.db was written by a newer mcpctl: it has 9999_future/);

    const other = join(freshFolder(), "other.db");
    const songs = new Database(other);
    songs.run("create table songs (title text)");
    songs.close();
    await refused(readFileSync(other), /\S+mcpctl\.db is the database of another program/);
  });

  it("is reported when it is a folder, or belongs to another user", async () => {
    const home = freshFolder();
    mkdirSync(join(home, ".mcpctl/server/mcpctl.db"), { recursive: true });
    expect(await start(home)).toEqual(refusal(/cannot open \S+mcpctl\.db: .*/));

    if (!isRoot) return;
    const { home: other, file } = homeWith("");
    chownSync(file, 65_534, 65_534);
    expect(await start(other, { before: powerless })).toEqual(refusal(/cannot open \S+mcpctl\.db: .*/));
  });
});

describe("the listen address", () => {
  it("is that of --listen, else that of MCPCTL_LISTEN", async () => {
    const everywhere = await startBinary({ args: ["--listen", ":0"] });
    expect(everywhere.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
    const port = new URL(everywhere.url).port;
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);

    const listen = { MCPCTL_LISTEN: "[::1]:0" };
    const six = await startBinary({ env: listen });
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await six.call("GET", "/healthz")).status).toBe(200);
    expect((await startBinary({ env: listen, args: ["--listen", "127.0.0.1:0"] })).url).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+$/,
    );
  });

  it("is refused in one line when it does not exist", async () => {
    expect(await start(freshFolder(), { args: "--listen 192.0.2.1:0" })).toEqual(
      refusal(/cannot listen on 192\.0\.2\.1:0: .+/),
    );
    const { code, stderr } = await start(freshFolder(), { args: "", env: { MCPCTL_LISTEN: "7777" } });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('"7777" is not HOST:PORT') });
  });

  it("answers requests for its own names, addresses and --public-url, and for no other Host (T72)", async () => {
    const server = await startBinary({
      args: ["--public-url", "https://llm.example.org", "--public-url", "http://other.example.org:8080"],
    });
    const status = async (host: string) =>
      (await server.call("GET", "/healthz", { headers: { host } })).status;
    for (const host of [
      "localhost",
      "127.0.0.1:7777",
      "192.168.1.7",
      "[::1]:80",
      "llm.example.org",
      "other.example.org",
      hostname(),
    ])
      expect([host, await status(host)]).toEqual([host, 200]);
    for (const host of ["evil.example.org", "llm.example.org.evil.net", "example.org"])
      expect([host, await status(host)]).toEqual([host, 421]);
    const refused = await server.call("GET", "/api/v1/llms", { headers: { host: "evil.example.org" } });
    expect(refused.body).toMatchObject({
      code: "misdirected_request",
      hint: expect.stringContaining("--public-url"),
    });
  });

  it("serves metrics to callers with the right, and with --metrics-public to everybody", async () => {
    const closed = await startBinary();
    expect((await closed.call("GET", "/metrics")).status).toBe(401);
    expect((await closed.admin("GET", "/metrics")).text).toContain("mcpctl_http_requests_total{");
    const open = await startBinary({ args: ["--metrics-public"] });
    await open.call("GET", "/healthz");
    const { status, text } = await open.call("GET", "/metrics");
    expect(status).toBe(200);
    expect(text).toMatch(/^# TYPE mcpctl_http_requests_total counter$/m);
    expect(text).toMatch(/^mcpctl_http_requests_total\{.*route="\/healthz".*\} 1$/m);
    expect((await open.call("GET", "/api/v1/llms")).status).toBe(401);
  });
});
