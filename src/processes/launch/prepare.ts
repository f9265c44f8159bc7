import { AppError } from "../../errors.ts";
import type { SandboxWord } from "../../kinds/mcp-settings.ts";
import { homeFolder } from "../home-folder.ts";
import { launcherLists } from "../launchers/launchers.ts";
import { parsePackage } from "../launchers/package-source.ts";
import type { ResourceLimits } from "../resource-limits.ts";
import { execCommand } from "../sandbox/exec/exec-command.ts";
import type { ExecLimits } from "../sandbox/exec/exec-policy.ts";
import { chooseLevel, sandboxLevels } from "../sandbox/levels.ts";
import { checkGivenPaths } from "../sandbox/paths.ts";
import type { SandboxLevel, SandboxRequest } from "../sandbox/sandbox-level.ts";
import { containerEnvironment, makeProgramFolder, programEnvironment } from "./environment.ts";
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
  return { env, home: homeFolder(env), levels: sandboxLevels({ env }) };
}

/** Options of a launch. */
export interface LaunchOptions {
  host: LaunchHost;
  /** The name of the program for people and labels. */
  name: string;
  /** A level, or `auto` for the strongest that the host has. */
  sandbox: SandboxWord;
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
  /** Takes lines about what takes long: the pull of an image. */
  onProgress?(line: string): void;
}

/**
 * Makes the command line of a program that somebody defined, within a sandbox and with an environment of its own.
 *
 * @throws AppError `not_supported` when the host lacks the sandbox, the launcher or the program, with what to install;
 *   `invalid_request` for a source, a variable or a path that is not accepted; `unavailable` when an image cannot be
 *   pulled
 */
export async function prepareLaunch(source: ProgramSource, options: LaunchOptions): Promise<Launch> {
  const { host, name, sandbox, resources = {}, kept } = options;
  const needs = { ways: waysToRun(source, sandbox), network: options.network ?? true };
  const { level, missing } = await chooseLevel(sandbox, host.levels, needs);
  const request = level.runs === "image" ? imageRequest(source, options) : hostRequest(source, options);
  const given = [...(options.readable ?? []), ...(options.writable ?? []), ...(request.script ?? [])];
  checkGivenPaths(given, kept);
  makeProgramFolder(options.folder);
  const { landlock, ...command } = await level.wrap(request);
  // Those of a container are the engine's matter: what is started here only speaks to it.
  const limits = level.runs === "image" ? {} : resources;
  const policy = { parent: process.pid, limits: execLimits(limits), ...(landlock && { landlock }) };
  return {
    ...command,
    // Other systems than Linux have none of these limits.
    argv: process.platform === "linux" ? execCommand(policy, command.argv) : command.argv,
    name,
    level: level.name,
    isIsolated: level.isolates,
    notes: [...missing, ...level.gaps],
    limits,
  };
}

/** Returns the ways in which a source can run. A package runs in a container only where that is asked for. */
function waysToRun(source: ProgramSource, sandbox: SandboxWord): readonly SandboxLevel["runs"][] {
  const sources = [source.command, source.package, source.image].filter((one) => one !== undefined);
  if (sources.length !== 1)
    throw new AppError("invalid_request", "a program needs exactly one of command, package and image");
  if (source.image !== undefined) return ["image"];
  return source.package !== undefined && sandbox !== "auto" ? ["image", "host"] : ["host"];
}

type Request = SandboxRequest & { script?: string[] };

function hostRequest(source: ProgramSource, options: LaunchOptions): Request {
  const { host, folder, network = true, resources = {} } = options;
  const { env, readable: certificates } = programEnvironment(host.env, options.env ?? {}, folder);
  const { argv, script, readable } = hostProgram(source, env["PATH"]!, host.home);
  const scripts = script === undefined ? [] : [script];
  return {
    ...{ argv, env, folder, network, limits: resources, script: scripts },
    readable: [...new Set([...readable, ...certificates, ...scripts, ...(options.readable ?? [])])],
    writable: options.writable ?? [],
  };
}

function imageRequest(source: ProgramSource, options: LaunchOptions): Request {
  const { folder, network = true, resources = {}, name, onProgress = () => {} } = options;
  const usesFolder = source.package !== undefined;
  const { reference, entrypoint, args } = imageOf(source);
  return {
    ...{ argv: args, folder, network, limits: resources },
    env: containerEnvironment(options.env ?? {}, usesFolder ? folder : undefined),
    readable: options.readable ?? [],
    writable: options.writable ?? [],
    image: {
      ...{ reference, label: name, usesFolder, onProgress },
      ...(entrypoint !== undefined && { entrypoint }),
      ...(source.port !== undefined && { port: source.port }),
    },
  };
}

/** A package runs in an image that has its first launcher. */
function imageOf(source: ProgramSource): { reference: string; entrypoint?: string; args: string[] } {
  const args = [...(source.args ?? [])];
  if (source.image !== undefined) return { reference: source.image, args };
  const found = parsePackage(source.package!);
  const launcher = launcherLists[found.registry].launchers[0]!;
  return {
    reference: launcher.image,
    entrypoint: launcher.program,
    args: [...launcher.words(found), ...args],
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
