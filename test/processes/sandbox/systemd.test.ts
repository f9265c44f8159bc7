import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { launchHost } from "../../../src/processes/launch/prepare.ts";
import { sweepLaunches } from "../../../src/processes/launch/start.ts";
import { wholeOutput } from "../../../src/processes/whole-output.ts";
import { errorOf } from "../../support/error-of.ts";
import { launched } from "../../support/sandbox/launched.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const isRoot = process.geteuid?.() === 0;

/** Programs in the place of systemd-run and systemctl. They write down their arguments; the first becomes its command. */
function standIn({ fails = false }: { fails?: boolean } = {}) {
  const folder = temporaryFolder();
  const install = (name: string, rest: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> ${folder}/calls\n${rest}\n`);
    chmodSync(path, 0o755);
  };
  const become = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"';
  install("systemd-run", fails ? 'echo "Failed to connect to bus" >&2; exit 1' : become);
  install("systemctl", 'echo "Unit not loaded." >&2; exit 5');
  const env = { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, XDG_RUNTIME_DIR: "/run/user/1000" };
  const path = join(folder, "calls");
  const calls = () => (existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : []);
  return { host: launchHost(env), calls };
}

describe("a program in a scope of systemd", () => {
  it("has its limits as properties, and what is left of the scope is ended with it", async () => {
    const { host, calls } = standIn();
    const resources = { memoryMb: 256, cpus: 1.5, pids: 64 };
    const program = await launched(
      { command: ["sh", "-c", "echo it runs"] },
      { host, sandbox: "systemd", resources },
    );
    expect(await wholeOutput(program.stdout)).toBe("it runs\n");
    await program.closed;
    const user = isRoot ? "" : "--user ";
    const limits = "-p MemoryMax=256M -p MemorySwapMax=0 -p TasksMax=64 -p CPUQuota=150%";
    const [, run, stop] = calls();
    const name = /--unit=(mcpctl-[\w-]+)/.exec(run!)![1];
    expect(run).toContain(`systemd-run ${user}--scope --quiet --collect --unit=${name} ${limits} -- `);
    expect(stop).toBe(`systemctl ${user}stop ${name}.scope`);
  });

  it("does not get the variables by which it would reach the manager of its user", async () => {
    const { host } = standIn();
    const script = 'echo "${XDG_RUNTIME_DIR:-none} $TOKEN"';
    const options = { host, sandbox: "systemd", env: { TOKEN: "declared" } } as const;
    const { stdout } = await launched({ command: ["sh", "-c", script] }, options);
    expect(await wholeOutput(stdout)).toBe("none declared\n");
  });

  // Failure mode 113
  it("is ended by the next sweep when mcpctl was killed", async () => {
    const { host, calls } = standIn();
    const { launch, group } = await launched({ command: ["sleep", "60"] }, { host, sandbox: "systemd" });
    const records = temporaryFolder();
    const record = { marker: crypto.randomUUID(), owner: { pid: 2 ** 22 + 1 }, outside: launch.outside };
    writeFileSync(join(records, "a.json"), JSON.stringify(record));
    expect(await sweepLaunches(records, host.env)).toEqual([]);
    expect(calls()).toContainEqual(expect.stringContaining(`stop ${launch.outside!.name}.scope`));
    await group.stop();
  });

  // T143
  it("is not started where systemd does not run", async () => {
    const { host, calls } = standIn({ fails: true });
    const error = await errorOf(launched({ command: ["sh", "-c", "true"] }, { host, sandbox: "systemd" }));
    expect(error).toMatchObject({
      code: "not_supported",
      message: expect.stringContaining("systemd-run does not work: Failed to connect to bus"),
    });
    expect(calls()).toHaveLength(1);
  });

  // T144
  it("cannot be without network", async () => {
    const { host } = standIn();
    const source = { command: ["sh", "-c", "true"] };
    for (const sandbox of ["systemd", "none"] as const)
      expect(await errorOf(launched(source, { host, sandbox, network: false }))).toMatchObject({
        code: "invalid_request",
        message: `the sandbox ${sandbox} cannot turn the network off`,
      });
  });
});
