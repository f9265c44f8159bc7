import { AppError } from "../../errors.ts";
import type { ResourceLimits } from "../resource-limits.ts";
import type { FoundEngine } from "./engines.ts";

/** A container that is to run. */
export interface ContainerRun {
  image: string;
  /** Its name, which is the handle to end it by. */
  name: string;
  labels: Readonly<Record<string, string>>;
  /** Arguments behind the image. */
  args: readonly string[];
  /** The program in the image, if it is not the image's own. */
  entrypoint?: string;
  /** Variables that the engine takes from a file, and from its own environment. */
  envFile: string;
  inheritedVariables: readonly string[];
  /** Folders and files of the host, under the same path in the container or another one. */
  mounts: readonly { source: string; target: string; readonly: boolean }[];
  /** Its folder for a start; undefined for that of the image. */
  cwd?: string;
  network: boolean;
  limits: ResourceLimits;
  /** Port in the container, and the port of this machine's loopback address that leads there. */
  port?: { inside: number; outside: number };
}

/** Processes and threads of a container whose definition does not limit them. */
const usualPids = 512;

/** Returns the arguments of `docker run` or `podman run`. No values of variables are in them (T145). */
export function runArguments(engine: FoundEngine, run: ContainerRun): string[] {
  const { memoryMb, cpus, pids = usualPids } = run.limits;
  const user = engine.writesAsRoot && run.mounts.some(({ readonly }) => !readonly) ? userOfProcess() : [];
  return [
    // The program has had its time when the container is removed: Podman would wait another 10 seconds.
    ...["run", "--rm", "--pull", "never", "--stop-timeout", "0", "--name", run.name],
    // A program that speaks HTTP gets no stdin.
    ...(run.port ? ["--publish", `127.0.0.1:${run.port.outside}:${run.port.inside}`] : ["--interactive"]),
    ...Object.entries(run.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"],
    ...["--tmpfs", "/tmp:rw,nosuid,nodev,size=256m"],
    ...["--pids-limit", String(pids)],
    ...(memoryMb === undefined ? [] : ["--memory", `${memoryMb}m`, "--memory-swap", `${memoryMb}m`]),
    ...(cpus === undefined ? [] : ["--cpus", String(cpus)]),
    ...(run.network ? [] : ["--network", "none"]),
    ...user,
    ...["--env-file", run.envFile],
    ...run.inheritedVariables.flatMap((name) => ["--env", name]),
    ...run.mounts.flatMap((mount) => ["--mount", mountOption(mount)]),
    ...(run.cwd === undefined ? [] : ["--workdir", run.cwd]),
    ...(run.entrypoint === undefined ? [] : ["--entrypoint", run.entrypoint]),
    run.image,
    ...run.args,
  ];
}

function mountOption({ source, target, readonly }: ContainerRun["mounts"][number]): string {
  for (const path of [source, target])
    if (/[",\n]/.test(path))
      throw new AppError(
        "invalid_request",
        `${path} cannot be given to a container: its name has a comma or quote`,
      );
  return `type=bind,source=${source},target=${target}${readonly ? ",readonly" : ""}`;
}

function userOfProcess(): string[] {
  const [user, group] = [process.geteuid?.(), process.getegid?.()];
  return user === undefined ? [] : ["--user", `${user}:${group}`];
}
