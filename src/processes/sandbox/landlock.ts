import { realpathSync } from "node:fs";
import { tryCommand } from "../try-command.ts";
import { execCommand, ownProgram } from "./exec/exec-command.ts";
import type { LandlockPolicy } from "./exec/exec-policy.ts";
import { remembered } from "./probe.ts";
import type { Availability, SandboxLevel, SandboxRequest } from "./sandbox-level.ts";
import { systemFiles, systemFolders } from "./system-files.ts";

/**
 * Files outside of the system's folders that runtimes read when they start. The rest of /proc comes with it: the
 * arguments of other processes, but not their environment, which the kernel keeps from a restricted process.
 */
const runtimeFiles = ["/proc", "/sys/devices/system/cpu"];
const devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/**
 * Makes the level of Landlock: the kernel refuses every file but the given ones, tracing other processes, and with a
 * filter of calls every Unix socket (T140, T141, T142). It needs no program and no namespaces.
 */
export function landlockLevel(): SandboxLevel {
  return {
    name: "landlock",
    title: "Landlock",
    runs: "host",
    isolates: true,
    gaps: [
      "with network, it reaches every address that this machine reaches",
      "it sees which other programs run, and their arguments",
      "on kernels before 6.12 it can send signals to other processes of its user",
      "a process of it that leaves its group and empties its environment can outlive a kill -9 of mcpctl",
    ],
    probe: remembered(async () => {
      // This program, because an image of a container may have no other one (T226).
      const readable = [ownProgram];
      const policy = landlockPolicy({ folder: "/tmp", readable, writable: [], network: true });
      const tried = [ownProgram, "--version"];
      const argv = execCommand({ parent: process.pid, limits: {}, landlock: policy }, tried);
      const { code, stderr } = await tryCommand(argv, {});
      return code === 0 ? { available: true } : explained(stderr);
    }),
    wrap: (request) => ({
      argv: [request.argv[0]!, ...request.argv.slice(1)],
      env: { ...request.env },
      cwd: request.folder,
      hasMonitor: false,
      landlock: landlockPolicy(request),
    }),
  };
}

function landlockPolicy(
  request: Pick<SandboxRequest, "folder" | "readable" | "writable" | "network">,
): LandlockPolicy {
  const system = [...systemFolders().map(([path]) => path), ...systemFiles().map(realpathOf)];
  return {
    readable: [...system, ...runtimeFiles, ...request.readable],
    writable: [request.folder, ...request.writable],
    devices,
    network: request.network,
  };
}

/** A rule holds for what a link leads to: /etc/resolv.conf often leads to /run. */
function realpathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function explained(stderr: string): Availability {
  const [, line] = /^error: (.*)$/m.exec(stderr) ?? [];
  return {
    available: false,
    reason: line ?? "Landlock does not work here",
    hint: "Landlock needs Linux 5.13 or newer that was started with it: see /sys/kernel/security/lsm",
  };
}
