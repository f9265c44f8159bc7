import { readFileSync } from "node:fs";
import { type TrialResult, tryCommand } from "../try-command.ts";
import { remembered } from "./probe.ts";
import type { Availability, SandboxLevel, SandboxRequest } from "./sandbox-level.ts";
import { systemFiles, systemFolders } from "./system-files.ts";

const program = "bwrap";

/** Namespaces of its own for everything, no capabilities, and no further namespaces inside, in which it had some. */
const isolation = ["--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL"];

/**
 * Makes the level of bubblewrap: a view of the machine in which nothing but the system's programs and the program's own
 * folder exists (T140, T141, T142).
 *
 * @param path the variable PATH in which bwrap is looked for
 */
export function bwrapLevel(path: string): SandboxLevel {
  // Versions before 0.8 can neither forbid further namespaces nor limit what is in memory.
  let isModern = true;
  return {
    name: "bwrap",
    title: "bubblewrap",
    runs: "host",
    isolates: true,
    gaps: [
      "with network, it reaches every address that this machine reaches, and abstract Unix sockets",
      "the programs in /usr and the names of users in /etc/passwd can be read",
    ],
    probe: remembered(async () => {
      const trial = (modern: boolean) =>
        tryCommand([program, ...bwrapArguments({ ...nothing, argv: ["true"] }, modern)], { PATH: path });
      const found = await trial(true);
      isModern = !/unknown option/i.test(found.stderr);
      return explained(isModern ? found : await trial(false));
    }),
    wrap: (request) => ({
      argv: [program, ...bwrapArguments(request, isModern)],
      env: { ...request.env, TMPDIR: "/tmp" },
      cwd: request.folder,
      hasMonitor: true,
    }),
  };
}

type View = Pick<SandboxRequest, "argv" | "folder" | "readable" | "writable" | "network" | "limits">;
const nothing = { folder: "/tmp", readable: [], writable: [], network: true, limits: {} };

/** Folders in memory. Nobody counts what is in them as memory of a process. */
const inMemory = ["/tmp", "/var/tmp", "/dev/shm"];
const usualMemoryMb = 512;

/** Returns the arguments of bwrap(1), with the program and its own behind `--`. */
function bwrapArguments(view: View, isModern: boolean): string[] {
  const { argv, folder, readable, writable, network, limits } = view;
  const bytes = String((limits.memoryMb ?? usualMemoryMb) * 1024 * 1024);
  const system = systemFolders().flatMap(([path, target]) =>
    target === undefined ? ["--ro-bind", path, path] : ["--symlink", target, path],
  );
  const given = [
    ...readable.map((path) => ["--ro-bind-try", path] as const),
    ...writable.map((path) => ["--bind-try", path] as const),
    ["--bind", folder] as const,
  ];
  return [
    ...isolation,
    ...(isModern ? ["--disable-userns"] : []),
    ...(network ? ["--share-net"] : []),
    ...system,
    ...systemFiles().flatMap((path) => ["--ro-bind", path, path]),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...inMemory.flatMap((path) => [...(isModern ? ["--size", bytes] : []), "--tmpfs", path]),
    // Outer folders first: one that is put there later hides what is inside it.
    ...given
      .sort(([, one], [, other]) => one.length - other.length)
      .flatMap(([how, path]) => [how, path, path]),
    // The outermost folder and /dev are in memory too.
    ...["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", folder, "--", ...argv],
  ];
}

/** Returns the reason why bwrap does not work here, as far as the system tells it. */
function explained({ code, stderr, isMissing }: TrialResult): Availability {
  if (code === 0) return { available: true };
  if (isMissing)
    return {
      available: false,
      reason: "bubblewrap is not installed",
      hint: "install the package bubblewrap, for example: apt-get install bubblewrap",
    };
  const cause = namespaceSwitches.find(({ file, forbids }) => textOf(file)?.trim() === forbids);
  if (cause) return { available: false, reason: cause.reason, hint: cause.hint };
  const line = stderr
    .split("\n")
    .at(-1)!
    .replace(/^bwrap: /, "");
  return {
    available: false,
    reason: `bubblewrap cannot make a sandbox here${line === "" ? "" : `: ${line}`}`,
    hint: "a container or a service that forbids namespaces is the usual reason; run mcpctl outside of it, or use landlock",
  };
}

/** Settings of kernels and distributions that keep ordinary users from making namespaces. */
const namespaceSwitches = [
  {
    file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    forbids: "1",
    reason: "AppArmor keeps bubblewrap from making namespaces",
    hint: "load a profile that allows it (package apparmor-profiles, file bwrap-userns-restrict), or use landlock",
  },
  {
    file: "/proc/sys/kernel/unprivileged_userns_clone",
    forbids: "0",
    reason: "the kernel is set to forbid namespaces for ordinary users",
    hint: "run: sysctl -w kernel.unprivileged_userns_clone=1, or use landlock",
  },
  {
    file: "/proc/sys/user/max_user_namespaces",
    forbids: "0",
    reason: "the kernel is set to forbid namespaces for ordinary users",
    hint: "run: sysctl -w user.max_user_namespaces=10000, or use landlock",
  },
] as const;

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
