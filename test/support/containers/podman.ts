import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type LaunchHost, launchHost } from "../../../src/processes/launch/prepare.ts";

const busybox = "/bin/busybox";
const applets = ["sh", "cat", "echo", "env", "grep", "ls", "sleep", "id", "wget", "dd", "head", "tr"];

/** An image of this machine, and a host whose only engine is Podman. */
export interface PodmanHost {
  host: LaunchHost;
  image: string;
  /** Runs podman. Returns what it writes to stdout. */
  podman(...args: string[]): string;
}

/**
 * Prepares Podman with an image that has a shell. Undefined where podman and a static busybox are not installed, or where
 * this machine cannot run containers: `apt-get install podman runc busybox-static`.
 */
export function podmanHost(): PodmanHost | undefined {
  const program = Bun.which("podman");
  if (program === null || !existsSync(busybox)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "mcpctl-podman-"));
  const config = join(folder, "containers.conf");
  // The usual limits of Podman are higher than a process without CAP_SYS_RESOURCE may set; crun knows no hybrid cgroups.
  const runtime =
    Bun.which("runc") === null ? "" : '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\n';
  writeFileSync(
    config,
    `${runtime}[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n`,
  );
  const env = { PATH: process.env["PATH"]!, HOME: process.env["HOME"]!, CONTAINERS_CONF: config };
  const run = (args: readonly string[], input?: Uint8Array) =>
    Bun.spawnSync([program, ...args], { env, ...(input && { stdin: input }), stderr: "pipe" });
  const image = `localhost/mcpctl-test-${process.pid}:1`;
  mkdirSync(join(folder, "root/bin"), { recursive: true });
  for (const name of applets) symlinkSync("busybox", join(folder, "root/bin", name));
  Bun.spawnSync(["cp", busybox, join(folder, "root/bin/busybox")]);
  const archive = Bun.spawnSync(["tar", "-cC", join(folder, "root"), "bin"]).stdout;
  const works =
    run(["import", "--change", "ENV PATH=/bin", "-", image], archive).success &&
    run(["run", "--rm", "--network", "none", "--memory", "64m", image, "/bin/echo"]).success;
  afterAll(() => {
    run(["rmi", "--force", image]);
    rmSync(folder, { recursive: true, force: true });
  });
  return works
    ? { host: launchHost(env), image, podman: (...args) => run(args).stdout.toString() }
    : undefined;
}
