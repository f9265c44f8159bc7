import { homedir } from "node:os";
import { execCommand } from "../sandbox/exec/exec-command.ts";
import type { ExecLimits, LandlockPolicy } from "../sandbox/exec/exec-policy.ts";
import { chooseLevel, type SandboxName, sandboxLevels } from "../sandbox/levels.ts";
import { checkGivenPaths } from "../sandbox/paths.ts";
import type { ResourceLimits, SandboxLevel } from "../sandbox/sandbox-level.ts";
import { makeProgramFolder, programEnvironment } from "./environment.ts";
import type { Launch } from "./launch.ts";
import { hostProgram, type ProgramSource } from "./program-source.ts";

/** The host on which programs are started. Make one for the life of the process: its probes are remembered. */
export interface LaunchHost {
  /** The environment of mcpctl, of which a program gets a short list. */
  env: Readonly<Record<string, string | undefined>>;
  home: string;
  levels: readonly SandboxLevel[];
}

/** Makes the host from the environment of this process. */
export function launchHost(env: Readonly<Record<string, string | undefined>>): LaunchHost {
  return { env, home: env["HOME"] || homedir(), levels: sandboxLevels({ path: env["PATH"] ?? "" }) };
}

/** Options of a launch. */
export interface LaunchOptions {
  host: LaunchHost;
  /** The name of the program for people and labels. */
  name: string;
  /** A level, or `auto` for the strongest that the host has. */
  sandbox: SandboxName | "auto";
  resources?: ResourceLimits;
  /** The variables that the program's definition declares, with their values. */
  env?: Readonly<Record<string, string>>;
  /** The program's own folder: its home, its caches. It is made where it is missing. */
  folder: string;
  /** Further files and folders of the host that it can read, or also change. */
  readable?: readonly string[];
  writable?: readonly string[];
  /** False: no network. */
  network?: boolean;
  /** Folders of mcpctl and of other programs that it never gets: the data folder, the folder of all programs. */
  kept: readonly string[];
}

/**
 * Makes the command line of a program that somebody defined, within a sandbox and with an environment of its own.
 *
 * @throws AppError `not_supported` when the host lacks the sandbox, the launcher or the program, with what to install;
 *   `invalid_request` for a source, a variable or a path that is not accepted
 */
export async function prepareLaunch(source: ProgramSource, options: LaunchOptions): Promise<Launch> {
  const { host, name, sandbox, resources = {}, folder, network = true, kept } = options;
  const [readable, writable] = [options.readable ?? [], options.writable ?? []];
  const { env, readable: certificates } = programEnvironment(host.env, options.env ?? {}, folder);
  const { level, missing } = await chooseLevel(sandbox, host.levels);
  const { argv, script, ...program } = hostProgram(source, env["PATH"]!, host.home);
  const given = script === undefined ? readable : [script, ...readable];
  checkGivenPaths([...given, ...writable], kept);
  makeProgramFolder(folder);
  const { landlock, ...command } = level.wrap({
    argv,
    env,
    folder,
    readable: [...new Set([...program.readable, ...certificates, ...given])],
    writable,
    network,
    limits: resources,
  });
  return {
    ...command,
    argv: limited(command.argv, execLimits(resources), landlock),
    name,
    level: level.name as SandboxName,
    notes: [...missing, ...level.gaps],
    limits: resources,
  };
}

/** Private memory of a process beyond the limit of all together, which counts what is really used: Bun reserves 500 MB. */
const reserveBytes = 1024 * 1024 * 1024;
/** Processes of the user beyond the limit: other programs of the same user start some, too. */
const reserveProcesses = 1_000;

/** Limits by which the kernel itself stops a program that grows faster than mcpctl looks (failure modes 114, 115). */
function execLimits({ memoryMb, pids }: ResourceLimits): ExecLimits {
  return {
    ...(memoryMb !== undefined && { dataBytes: memoryMb * 1024 * 1024 + reserveBytes }),
    ...(pids !== undefined && { furtherProcesses: pids + reserveProcesses }),
  };
}

/** Other systems than Linux have none of these limits. */
function limited(
  argv: Launch["argv"],
  limits: ExecLimits,
  landlock: LandlockPolicy | undefined,
): Launch["argv"] {
  if (process.platform !== "linux") return argv;
  return execCommand({ parent: process.pid, limits, ...(landlock && { landlock }) }, argv);
}
