import { readFileSync } from "node:fs";
import { engineEnvironment } from "../containers/engines.ts";
import { findProgram } from "../find-program.ts";
import { outsideName } from "../outside-processes.ts";
import type { ResourceLimits } from "../resource-limits.ts";
import { tryCommand } from "../try-command.ts";
import { remembered } from "./probe.ts";
import type { SandboxLevel } from "./sandbox-level.ts";

/** Variables by which systemd-run finds the manager of the user. The program itself gets none of them. */
const managerVariables = ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/**
 * Makes the level of systemd: a scope of its own, in which the kernel counts memory, processes and processor time, and
 * which no process can leave. Files are as without a sandbox (https://www.freedesktop.org/software/systemd/man/systemd-run.html).
 *
 * @param own the environment of mcpctl
 */
export function systemdLevel(own: Readonly<Record<string, string | undefined>>): SandboxLevel {
  const path = own["PATH"] ?? "";
  const isRoot = process.geteuid?.() === 0;
  const scope = [...(isRoot ? [] : ["--user"]), "--scope", "--quiet", "--collect"];
  const settings = engineEnvironment(own);
  return {
    name: "systemd",
    title: "scope of systemd",
    runs: "host",
    isolates: false,
    gaps: [
      "it has every right of the user that mcpctl runs as: files, other programs and their environment, the network",
      "only its memory, processes and processor time are limited",
    ],
    probe: remembered(async () => {
      if (!findProgram("systemd-run", path) || !findProgram("systemctl", path)) return missing;
      const { code, stderr } = await tryCommand(["systemd-run", ...scope, "--", "true"], settings);
      const line = stderr.split("\n").at(-1)!;
      return code === 0 ? { available: true } : { ...missing, reason: `systemd-run does not work: ${line}` };
    }),
    wrap({ argv, env, folder, limits }) {
      const name = outsideName();
      const manager = managerVariables.flatMap((variable): [string, string][] =>
        own[variable] ? [[variable, own[variable]]] : [],
      );
      // The program gets them back only where it declares them.
      const hidden = manager.flatMap(([variable]) => (env[variable] === undefined ? ["-u", variable] : []));
      const command = hidden.length === 0 ? argv : ["env", ...hidden, ...argv];
      const options = [`--unit=${name}`, ...boundTo(ownService()), ...properties(limits)];
      return {
        argv: ["systemd-run", ...scope, ...options, "--", ...command],
        env: { ...env, ...Object.fromEntries(manager) },
        cwd: folder,
        hasMonitor: false,
        outside: { kind: isRoot ? "scope" : "user-scope", program: findProgram("systemctl", path)!, name },
      };
    },
  };
}

const missing = {
  available: false,
  reason: "systemd-run is not installed",
  hint: "the scope needs a machine that runs systemd, and for ordinary users a session of theirs: loginctl enable-linger",
} as const;

/** Returns the service of systemd that this process belongs to; undefined for a process of somebody's session. */
function ownService(): string | undefined {
  try {
    const groups = readFileSync("/proc/self/cgroup", "utf8");
    const path = /^\d+:name=systemd:(.*)$/m.exec(groups)?.[1] ?? /^0::(.*)$/m.exec(groups)?.[1];
    return /\/([\w:.@\\-]+\.service)$/.exec(path ?? "")?.[1];
  } catch {
    return undefined;
  }
}

/** Has a scope end after the service of mcpctl, also when that was killed. Programs outlive the calls under way. */
function boundTo(service: string | undefined): string[] {
  if (service === undefined) return [];
  return ["-p", `BindsTo=${service}`, "-p", `Before=${service}`, "-p", "TimeoutStopSec=5"];
}

function properties({ memoryMb, cpus, pids }: ResourceLimits): string[] {
  return [
    ...(memoryMb === undefined ? [] : ["-p", `MemoryMax=${memoryMb}M`, "-p", "MemorySwapMax=0"]),
    ...(pids === undefined ? [] : ["-p", `TasksMax=${pids}`]),
    ...(cpus === undefined ? [] : ["-p", `CPUQuota=${Math.round(cpus * 100)}%`]),
  ];
}
