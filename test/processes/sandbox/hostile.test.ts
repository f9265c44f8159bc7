import { createSocket } from "node:dgram";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventually, stranger } from "../../support/processes/processes.ts";
import { attempts, levelsOfHost } from "../../support/sandbox/launched.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const levels = await levelsOfHost();
const denied = { denied: expect.stringMatching(/^E[A-Z]+$/) };

/** Listens on a port of the loopback address, or on a Unix socket. */
async function listener(path?: string): Promise<{ port: number; calls: () => number }> {
  let calls = 0;
  const server = createServer((socket) => {
    calls++;
    socket.destroy();
  });
  await new Promise<void>((done) =>
    path === undefined ? server.listen(0, "127.0.0.1", done) : server.listen(path, done),
  );
  onTestFinished(() => void server.close());
  const address = server.address() as string | { port: number };
  return { port: typeof address === "string" ? 0 : address.port, calls: () => calls };
}

/** Counts the datagrams that come to a port of the loopback address. */
async function datagramListener(port: number): Promise<() => number> {
  let count = 0;
  const socket = createSocket("udp4", () => count++);
  await new Promise<void>((done) => socket.bind(port, "127.0.0.1", done));
  onTestFinished(() => void socket.close());
  return () => count;
}

/** A folder beside that of the program, with a file. */
function secretIn(base: string, name: string): string {
  mkdirSync(join(base, name), { recursive: true });
  const path = join(base, name, "secret");
  writeFileSync(path, "secret", { mode: 0o600 });
  return path;
}

describe.each(levels.filter((name) => name !== "none" && name !== "systemd"))(
  "a hostile program in the sandbox %s",
  (sandbox) => {
    // T140, T141
    it("reads no file of the system's secrets, of users, of mcpctl and of another program", async () => {
      const base = temporaryFolder();
      const folder = join(base, "programs/it");
      const { outcomes } = await attempts(
        { sandbox, folder },
        ["read", "/etc/shadow"],
        ["read", "/etc/ssl/private"],
        ["read", secretIn(base, "data")],
        ["read", secretIn(base, "programs/other")],
        ["list", "/root"],
        ["list", "/home"],
        ["list", "/var/log"],
        ["list", join(base, "programs/other")],
        ["list", "/tmp/.X11-unix"],
      );
      expect(outcomes).toEqual(Array(9).fill(denied));
    });

    it("writes to its own folder, to folders that it is given, and nowhere else", async () => {
      const [given, readable] = [temporaryFolder(), temporaryFolder()];
      writeFileSync(join(readable, "file"), "text");
      const { outcomes } = await attempts(
        { sandbox, writable: [given], readable: [readable] },
        ["write", join(given, "file")],
        ["write", "file"],
        ["read", join(readable, "file")],
        ["write", join(readable, "file")],
        ["write", join(readable, "new")],
        ["remove", join(readable, "file")],
        ["write", "/usr/bin/hostile"],
        ["write", "/etc/hosts"],
        ["write", "/hostile"],
        ["write", "/dev/hostile"],
      );
      const got = [{ got: "written" }, { got: "written" }, { got: "text" }];
      expect(outcomes).toEqual([...got, ...Array(7).fill(denied)]);
      expect(readFileSync(join(given, "file"), "utf8")).toBe("hostile");
      expect(readFileSync(join(readable, "file"), "utf8")).toBe("text");
    });

    it("leaves nothing in the folder for temporary files of all", async () => {
      await attempts({ sandbox }, ["write", "/tmp/mcpctl-hostile"]);
      expect(existsSync("/tmp/mcpctl-hostile")).toBe(false);
    });

    // T142
    it("reads the environment of no other process, traces none, and sends signals to none", async () => {
      const other = stranger({ OTHER_TOKEN: "of-another-server" });
      const { outcomes } = await attempts(
        { sandbox },
        ["environments", "of-another-server"],
        ["read", `/proc/${other.pid}/environ`],
        ["read", `/proc/${process.pid}/environ`],
        ["read", `/proc/${other.pid}/mem`],
        ["list", `/proc/${other.pid}/root/`],
        ["kill", other.pid],
        ["kill", process.pid],
      );
      expect(outcomes).toEqual([{ denied: "NONE" }, ...Array(6).fill(denied)]);
    });

    it("has no capabilities and gets none, also where mcpctl runs as root", async () => {
      const { outcomes } = await attempts(
        { sandbox },
        ["status", "CapEff"],
        ["status", "CapBnd"],
        ["status", "NoNewPrivs"],
      );
      expect(outcomes).toEqual([{ got: "0000000000000000" }, { got: "0000000000000000" }, { got: "1" }]);
    });

    // T144
    it("reaches nobody without network, by TCP or UDP", async () => {
      const { port, calls } = await listener();
      const heard = await datagramListener(port);
      const list = [
        ["connect", port],
        ["datagram", port],
      ] as const;
      const { outcomes } = await attempts({ sandbox, network: false }, ...list);
      expect(outcomes[0]).toEqual(denied);
      expect([calls(), heard()]).toEqual([0, 0]);
      const open = await attempts({ sandbox }, ...list);
      expect(open.outcomes).toEqual([{ got: "connected" }, { got: "sent" }]);
      await eventually(() => heard() === 1);
    });

    // T149
    it("does not reach Unix sockets, by which it would be an administrator of mcpctl, or root by way of Docker", async () => {
      const path = join(temporaryFolder(), "socket");
      const { calls } = await listener(path);
      expect((await attempts({ sandbox }, ["connect", path])).outcomes).toEqual([denied]);
      expect(calls()).toBe(0);
    });

    // T145
    it("gets only the usual and the declared variables", async () => {
      const { outcomes } = await attempts(
        { sandbox, env: { TOKEN: "declared", HTTPS_PROXY: "http://p:1" } },
        ["environment"],
      );
      const { got } = outcomes[0] as { got: Record<string, string> };
      expect(got).toMatchObject({ TOKEN: "declared", HTTPS_PROXY: "http://p:1" });
      const usual =
        /^(PATH|LANG|LANGUAGE|LC_ALL|LC_CTYPE|TZ|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|\w+_(PROXY|proxy)|HOME|TMPDIR|PWD|OLDPWD)$/;
      const ours =
        /^(XDG_CACHE_HOME|npm_config_\w+|BUN_INSTALL_CACHE_DIR|UV_CACHE_DIR|MCPCTL_PROGRAM|TOKEN|HTTPS_PROXY)$/;
      expect(Object.keys(got).filter((name) => !usual.test(name) && !ours.test(name))).toEqual([]);
    });
  },
);

describe.skipIf(!levels.includes("bwrap"))("the folders in memory of bubblewrap", () => {
  // Failure mode 114
  it("hold no more than the program's memory", async () => {
    const resources = { memoryMb: 300 };
    const list = ["/tmp/big", "/var/tmp/big", "/dev/shm/big"].map((path) => ["fill", path, 400] as const);
    const { outcomes, ended } = await attempts({ sandbox: "bwrap", resources }, ...list);
    expect({ outcomes, ended }).toEqual({ outcomes: Array(3).fill({ denied: "ENOSPC" }), ended: undefined });
  });
});

describe("a program without a sandbox", () => {
  it("has all that its user has, as the documentation says", async () => {
    const base = temporaryFolder();
    const folder = join(base, "programs/it");
    const other = stranger({ OTHER_TOKEN: "of-another-server" });
    const { outcomes } = await attempts(
      { sandbox: "none", folder },
      ["read", secretIn(base, "data")],
      ["environments", "of-another-server"],
      ["kill", other.pid],
    );
    expect(outcomes).toEqual([{ got: "secret" }, { got: 1 }, { got: true }]);
  });

  it("still gets no variable of mcpctl's own", async () => {
    const { outcomes } = await attempts({ sandbox: "none" }, ["environment"]);
    expect(outcomes[0]).toMatchObject({ got: { HOME: expect.stringContaining("programs/it") } });
    expect(JSON.stringify(outcomes)).not.toMatch(/VITEST|npm_package/);
  });
});
