import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { chooseLevel } from "../../../src/processes/sandbox/levels.ts";
import { stranger } from "../../support/processes/processes.ts";
import { attempt, testHost } from "../../support/sandbox/launched.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const works = await chooseLevel("bwrap", testHost.levels).then(
  () => true,
  () => false,
);
const sandbox = "bwrap";

/** Listens on a port of the loopback address. */
async function listener(): Promise<{ port: number; calls: () => number }> {
  let calls = 0;
  const server = createServer((socket) => {
    calls++;
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, calls: () => calls };
}

describe.skipIf(!works)("a hostile program in bubblewrap", () => {
  // T140, T141
  it("does not see files of the system, of mcpctl and of users", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "mcpctl.db"), "secret");
    for (const path of [
      "/etc/shadow",
      join(folder, "mcpctl.db"),
      "/root/.bashrc",
      "/var/log/dpkg.log",
      "/sys/kernel",
    ])
      expect(await attempt({ sandbox }, "read", path), path).toMatchObject({ denied: "ENOENT" });
    expect(await attempt({ sandbox }, "list", "/home")).toMatchObject({ denied: "ENOENT" });
  });

  it("writes to its own folder, to folders that it is given, and nowhere else", async () => {
    const given = temporaryFolder();
    const readable = temporaryFolder();
    writeFileSync(join(readable, "file"), "text");
    const options = { sandbox, writable: [given], readable: [readable] } as const;
    expect(await attempt(options, "write", join(given, "file"))).toMatchObject({ got: "written" });
    expect(readFileSync(join(given, "file"), "utf8")).toBe("hostile");
    expect(await attempt(options, "write", "file")).toMatchObject({ got: "written" });
    expect(await attempt(options, "read", join(readable, "file"))).toMatchObject({ got: "text" });
    expect(await attempt(options, "write", join(readable, "file"))).toMatchObject({ denied: "EROFS" });
    expect(await attempt(options, "write", "/usr/bin/hostile")).toMatchObject({ denied: "EROFS" });
    // Its /tmp is its own.
    expect(await attempt(options, "write", "/tmp/mcpctl-hostile")).toMatchObject({ got: "written" });
    expect(existsSync("/tmp/mcpctl-hostile")).toBe(false);
  });

  // T142
  it("does not see other processes or their environment, and sends them no signals", async () => {
    const other = stranger({ OTHER_TOKEN: "of-another-server" });
    expect(await attempt({ sandbox }, "environments", "of-another-server")).toMatchObject({ denied: "NONE" });
    expect(await attempt({ sandbox }, "read", `/proc/${other.pid}/environ`)).toMatchObject({
      denied: "ENOENT",
    });
    expect(await attempt({ sandbox }, "kill", String(other.pid))).toMatchObject({ denied: "ESRCH" });
  });

  it("has no capabilities, also where mcpctl runs as root", async () => {
    expect(await attempt({ sandbox }, "capabilities")).toMatchObject({ got: "0000000000000000" });
  });

  // T144
  it("reaches nobody without network, and the loopback address with it", async () => {
    const { port, calls } = await listener();
    expect(await attempt({ sandbox, network: false }, "connect", String(port))).toMatchObject({
      denied: "ECONNREFUSED",
    });
    expect(calls()).toBe(0);
    expect(await attempt({ sandbox }, "connect", String(port))).toMatchObject({ got: "connected" });
  });

  it("does not reach a Unix socket of mcpctl, by which it would be an administrator", async () => {
    const path = join(temporaryFolder(), "socket");
    const server = createServer();
    await new Promise<void>((done) => server.listen(path, done));
    onTestFinished(() => void server.close());
    expect(await attempt({ sandbox }, "connect", path)).toMatchObject({ denied: "ENOENT" });
  });

  // T145
  it("leaves no secret in the arguments of a process, and gets only the declared variables", async () => {
    const { got } = await attempt({ sandbox, env: { TOKEN: "declared" } }, "environment");
    expect(got).toMatchObject({ TOKEN: "declared", TMPDIR: "/tmp" });
    const usual =
      /^(PATH|LANG|LANGUAGE|LC_ALL|LC_CTYPE|TZ|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|HOME|TMPDIR|XDG_CACHE_HOME)$/;
    const ours = /^(npm_config_\w+|BUN_INSTALL_CACHE_DIR|UV_CACHE_DIR|MCPCTL_PROGRAM|TOKEN|PWD|OLDPWD)$/;
    for (const name of Object.keys(got as object))
      expect(usual.test(name) || ours.test(name), name).toBe(true);
  });

  it("does not see the folder of another program, which is beside its own", async () => {
    const base = temporaryFolder();
    mkdirSync(join(base, "other"));
    writeFileSync(join(base, "other/token"), "secret");
    const options = { sandbox, folder: join(base, "it") } as const;
    expect(await attempt(options, "read", join(base, "other/token"))).toMatchObject({ denied: "ENOENT" });
    expect(await attempt(options, "list", "..")).toMatchObject({ got: ["it"] });
  });
});
