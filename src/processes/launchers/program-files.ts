import { closeSync, existsSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { findProgram } from "../find-program.ts";
import { isWithin } from "../sandbox/paths.ts";
import { isOfSystem } from "../sandbox/system-files.ts";

/** Folders of version managers and the like. Programs in them need other files of the same folder, which are no secrets. */
const toolFolders = [
  ".pyenv",
  ".asdf",
  ".nvm",
  ".fnm",
  ".volta",
  ".nodenv",
  ".rbenv",
  ".bun",
  ".deno",
  ".cargo/bin",
  ".local/pipx",
  ".local/share/pipx",
  ".local/share/mise",
  ".local/share/fnm",
  ".local/share/uv",
  ".local/share/pnpm",
  ".linuxbrew",
];

/** Scripts that start other scripts are followed to this depth. */
const maxDepth = 4;

/**
 * Returns the files and folders that a program needs to be read before it does anything of its own: itself, the
 * interpreter that its first line names, and the installation around it.
 *
 * @param path absolute path of the program
 * @param options.searchPath the variable PATH, for `#!/usr/bin/env node`
 * @param options.home folder of the user, of which no more is returned than needed
 */
export function programFiles(path: string, options: { searchPath: string; home: string }): string[] {
  const found = new Set<string>();
  collect(path, options, found, 0);
  return [...found];
}

function collect(
  path: string,
  options: { searchPath: string; home: string },
  found: Set<string>,
  depth: number,
): void {
  const real = realPath(path);
  if (real === undefined || depth > maxDepth) return;
  for (const one of new Set([path, real])) for (const file of around(one, options.home)) found.add(file);
  const interpreter = interpreterOf(real, options.searchPath);
  if (interpreter !== undefined) collect(interpreter, options, found, depth + 1);
}

/** Returns a program's file, or the folder of its installation; nothing for the system's programs, which all can read. */
function around(path: string, home: string): string[] {
  if (isOfSystem(path)) return [];
  const tool = toolFolders.map((folder) => `/${folder}/`).find((part) => path.includes(part));
  if (tool !== undefined) return [path.slice(0, path.indexOf(tool) + tool.length - 1)];
  const prefix = dirname(dirname(path));
  if (isWithin(home, prefix)) return [path];
  // A virtual environment of Python, and the installation that it is made of.
  if (existsSync(join(prefix, "pyvenv.cfg"))) return [prefix];
  if (basename(dirname(path)) !== "bin") return [path];
  const libraries = ["lib", "lib64"].map((name) => join(prefix, name)).filter((one) => existsSync(one));
  // ~/.local/lib belongs to all kinds of programs, ~/.local/bin too.
  return basename(prefix) === ".local" ? [path] : [path, dirname(path), ...libraries];
}

/** Returns the path of the interpreter that the first line of a script names: `#!/usr/bin/env -S node --flag`. */
function interpreterOf(path: string, searchPath: string): string | undefined {
  const line = /^#! *(\S+)(?: +(.*))?$/.exec(firstLine(path));
  if (!line) return undefined;
  const [, program, rest = ""] = line;
  if (basename(program!) !== "env") return findProgram(program!, searchPath);
  const name = rest.split(" ").find((word) => word !== "" && !word.startsWith("-") && !word.includes("="));
  return name === undefined ? undefined : findProgram(name, searchPath);
}

function firstLine(path: string): string {
  let file: number | undefined;
  try {
    if (!statSync(path).isFile()) return "";
    file = openSync(path, "r");
    const bytes = Buffer.alloc(256);
    return bytes
      .subarray(0, readSync(file, bytes, 0, bytes.length, 0))
      .toString("latin1")
      .split("\n")[0]!;
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
