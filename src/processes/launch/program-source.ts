import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../errors.ts";
import { findProgram } from "../find-program.ts";
import { launcherLists } from "../launchers/launchers.ts";
import { type PackageSource, parsePackage } from "../launchers/package-source.ts";
import { programFiles } from "../launchers/program-files.ts";
import { isWithin } from "../sandbox/paths.ts";

/** The source of a program. Exactly one of `command`, `package` and `image` is set. */
export interface ProgramSource {
  /** A program and its arguments. No shell reads them. */
  command?: readonly string[] | undefined;
  /** `npm:@scope/name@1.2.3` or `pypi:name==1.2.3` */
  package?: string | undefined;
  /** A container image: `docker.io/mcp/time:1.2`. */
  image?: string | undefined;
  /** Arguments after those that the source has itself. */
  args?: readonly string[] | undefined;
  /** Port on which the program in the image serves HTTP. Without one it speaks over stdin and stdout. */
  port?: number | undefined;
}

/** A program of this host with its arguments, and the files that it needs to start. */
export interface HostProgram {
  argv: [program: string, ...args: string[]];
  readable: string[];
  /** The project of the script that an interpreter is to run. It is the definition's word, and checked like one. */
  script?: string | undefined;
}

/**
 * Finds the program of a command or a package on this host.
 *
 * @param searchPath the variable PATH of the program
 * @param home folder of the user that mcpctl runs as
 * @throws AppError `not_supported` when the program or every launcher is missing, `invalid_request` for a source that is
 *   not valid
 */
export function hostProgram(source: ProgramSource, searchPath: string, home: string): HostProgram {
  const args = source.args ?? [];
  if (source.package !== undefined) return withLauncher(parsePackage(source.package), args, searchPath, home);
  const [program, ...words] = source.command ?? [];
  if (program === undefined || program === "") throw new AppError("invalid_request", "the command is empty");
  if ([program, ...words, ...args].some((word) => word.includes("\0")))
    throw new AppError("invalid_request", "a word of the command contains a NUL character");
  const path = findProgram(program, searchPath);
  if (path === undefined)
    throw new AppError("not_supported", `the program ${program} is not on this host`, {
      hint: program.startsWith("/")
        ? "check the path, and that the user of mcpctl may run it"
        : `install it, or write its absolute path; it is looked for in ${searchPath}`,
    });
  const script = scriptIn(isInterpreter(path) ? [...words, ...args] : words);
  return {
    argv: [path, ...words, ...args],
    readable: programFiles(path, { searchPath, home }),
    script: script?.startsWith("/") && isFile(script) ? scriptFiles(script, home) : undefined,
  };
}

/** True for a program that runs scripts. Those that are set up for clients have the script among their arguments. */
function isInterpreter(path: string): boolean {
  return /^(?:node|nodejs|bun|deno|tsx|python[\d.]*|uv|ruby|perl|php|(?:ba|da|z)?sh)(?:\.exe)?$/.test(
    basename(path),
  );
}

/** Returns the script: later words are what it works with, and are given to it only where the definition says so. */
function scriptIn(words: readonly string[]): string | undefined {
  const [first, second] = words.filter((word) => !word.startsWith("-"));
  return first === "run" ? second : first;
}

function withLauncher(
  source: PackageSource,
  args: readonly string[],
  searchPath: string,
  home: string,
): HostProgram {
  const { launchers, install } = launcherLists[source.registry];
  for (const { program, helpers, words } of launchers) {
    const path = findProgram(program, searchPath);
    if (path === undefined) continue;
    const beside = helpers.flatMap((name) => findProgram(name, `${dirname(path)}:${searchPath}`) ?? []);
    return {
      argv: [path, ...words(source), ...args],
      readable: [path, ...beside].flatMap((one) => programFiles(one, { searchPath, home })),
    };
  }
  const names = launchers.map(({ program }) => program).join(" or ");
  throw new AppError(
    "not_supported",
    `this host has no ${names}, which packages of ${source.registry} need`,
    {
      hint: install,
    },
  );
}

/** Returns the folder of the project that a script belongs to, or the script alone where that folder is a user's home. */
function scriptFiles(script: string, home: string): string {
  const folder = dirname(script);
  for (let one = folder; isNarrow(one, home); one = dirname(one))
    if (projectFiles.some((name) => existsSync(join(one, name)))) return one;
  return isNarrow(folder, home) ? folder : script;
}

const projectFiles = ["package.json", "pyproject.toml"];

/** False for folders that hold more than one project: the first and second level, homes and their parents. */
function isNarrow(folder: string, home: string): boolean {
  if (isWithin(home, folder) || isWithin(folder, "/etc")) return false;
  return folder.split("/").length > 2 && dirname(folder) !== "/home";
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
