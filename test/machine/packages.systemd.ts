import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { companions } from "../../scripts/release/archive.ts";
import { buildNfpm, type Format, makePackage } from "../../scripts/release/packages.ts";
import { binary, freshFolder } from "../support/binary.ts";
import { type Machine, reasonAgainst, startMachine } from "./machine.ts";

const against = reasonAgainst() ?? (Bun.which("go") ? undefined : "Go is not installed, which builds nfpm");
if (against !== undefined) process.stderr.write(`skipped: ${against}\n`);

let machine: Machine;
const folder = freshFolder((after) => afterAll(after));

/** Makes a package of the compiled program, and puts it into the machine as `/srv/VERSION.FORMAT`. */
async function give(format: Format, version: string): Promise<string> {
  const edition = { version, date: new Date("2026-11-29T12:00:00Z") };
  const work = join(folder, `${format}-${version}`);
  mkdirSync(work);
  const source = { format, edition, work, arch: "amd64", program: binary, outFolder: folder } as const;
  const file = makePackage({
    ...source,
    companions: await companions(edition, ""),
    nfpm: join(folder, "nfpm"),
  });
  const path = `/srv/${version}.${format}`;
  machine.must(["sh", "-c", `cat >${path}`], { input: new Uint8Array(readFileSync(join(folder, file))) });
  return path;
}

/** Removes what the machine has of mcpctl without a package. */
function clear() {
  machine.run("systemctl stop mcpctl.service mcpctl.socket");
  machine.must([
    "sh",
    "-c",
    "rm -rf /usr/bin/mcpctl /etc/systemd/system/mcpctl.* /var/lib/mcpctl /var/lib/private/mcpctl /etc/mcpctl; systemctl daemon-reload",
  ]);
}

const main = () => machine.shown("mcpctl", "MainPID");

describe.skipIf(against !== undefined)("packages in a machine with systemd", () => {
  beforeAll(async () => {
    buildNfpm(join(folder, "nfpm"));
    machine = await startMachine();
    clear();
  }, 1_200_000);
  afterAll(() => machine?.stop());

  it("a .deb installs the program, its user, its folder, its unit and its manual, and starts nothing", async () => {
    machine.must(["dpkg", "--install", await give("deb", "1.0.0")]);
    expect(machine.must("stat -c %U:%a /var/lib/mcpctl").trim()).toBe("mcpctl:700");
    expect(machine.must("stat -c %U:%a /etc/mcpctl/server.env").trim()).toBe("root:600");
    expect(machine.must("getent passwd mcpctl")).toMatch(/:\/var\/lib\/mcpctl:.*nologin/);
    expect(machine.shown("mcpctl.service", "ActiveState")).toBe("inactive");
    expect(machine.run("systemctl is-enabled mcpctl.service").text.trim()).toBe("disabled");
    expect(machine.must("zcat /usr/share/man/man1/mcpctl-get.1.gz")).toContain(
      ".TH MCPCTL\\-GET 1".replace("\\", ""),
    );
    expect(machine.must("dpkg --verify mcpctl").trim()).toBe("");
  }, 600_000);

  it("its server runs as that user and works, and mcpctl upgrade leaves it to the package manager", () => {
    machine.must("systemctl start mcpctl");
    expect(machine.must(["stat", "-c", "%U", `/proc/${main()}`]).trim()).toBe("mcpctl");
    expect(machine.must("mcpctl status")).toMatch(/Administrator: +yes/);
    machine.must("mcpctl create project kept");
    expect(machine.must("stat -c %F:%U /var/lib/mcpctl").trim()).toBe("directory:mcpctl");
    const refused = machine.run("mcpctl upgrade");
    expect([refused.code, refused.text]).toEqual([
      1,
      expect.stringContaining("apt-get install --only-upgrade mcpctl"),
    ]);
  });

  it("an upgrade keeps data and settings, and restarts only a server that runs", async () => {
    machine.write("/etc/mcpctl/server.env", "MCPCTL_LISTEN=127.0.0.1:7791\n", 0o600);
    const before = main();
    machine.must(["dpkg", "--force-confold", "--install", await give("deb", "1.1.0")]);
    expect(main()).not.toBe(before);
    expect(machine.shown("mcpctl", "StatusText")).toBe("listens on http://127.0.0.1:7791");
    expect(machine.must("mcpctl get projects")).toContain("kept");
    machine.must("systemctl stop mcpctl");
    machine.must("dpkg --force-confold --install /srv/1.0.0.deb");
    expect(machine.shown("mcpctl", "ActiveState")).toBe("inactive");
  }, 600_000);

  it("a removal stops the server and leaves the data, and a purge leaves nothing", () => {
    machine.must("systemctl enable --now mcpctl");
    machine.must("dpkg --remove mcpctl");
    expect(machine.run("systemctl is-active mcpctl").text.trim()).toBe("inactive");
    expect(machine.must("stat -c %U /var/lib/mcpctl/mcpctl.db").trim()).toBe("mcpctl");
    machine.must("dpkg --purge mcpctl");
    expect(machine.run("ls -d /var/lib/mcpctl /etc/mcpctl /usr/bin/mcpctl").text).not.toMatch(/^\//m);
    expect(machine.run("getent passwd mcpctl").code).not.toBe(0);
  });

  it.skipIf(!Bun.which("rpm"))(
    "an .rpm installs the same, is upgraded, and its removal leaves the data",
    async () => {
      clear();
      const rpm = (words: string) => machine.must(`rpm --nodeps ${words}`);
      rpm(`--install ${await give("rpm", "1.0.0")}`);
      expect(machine.shown("mcpctl.service", "ActiveState")).toBe("inactive");
      machine.must("systemctl start mcpctl");
      expect(machine.must(["stat", "-c", "%U", `/proc/${main()}`]).trim()).toBe("mcpctl");
      machine.must("mcpctl create project kept");
      const before = main();
      rpm(`--upgrade ${await give("rpm", "1.1.0")}`);
      expect(main()).not.toBe(before);
      expect(machine.must("mcpctl get projects")).toContain("kept");
      expect(machine.run("mcpctl upgrade").text).toContain("dnf upgrade mcpctl");
      rpm("--erase mcpctl");
      expect(machine.run("systemctl is-active mcpctl").text.trim()).toBe("inactive");
      expect(machine.must("ls /var/lib/mcpctl")).toContain("mcpctl.db");
      expect(machine.run("ls /usr/bin/mcpctl").code).not.toBe(0);
    },
    600_000,
  );
});
