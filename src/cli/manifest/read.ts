import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError, type Fault } from "../../errors.ts";
import { scopeOf } from "../../kinds/scopes.ts";
import { withoutByteOrderMark } from "../../wire/text.ts";
import type { Context } from "../core/context.ts";
import { readTextFile, unreadable } from "../core/text-file.ts";
import { type Located, manifestsIn } from "./documents.ts";
import type { Manifest } from "./manifest.ts";
import { isAddress, readRemote } from "./remote.ts";

/**
 * Reads manifests from files, folders (their *.yaml, *.yml and *.json in the order of their names, without subfolders),
 * https addresses and `-`, standard input.
 *
 * @throws AppError `invalid_request` with every fault of every file, each with file, line and column
 */
export async function readManifests(
  paths: readonly string[],
  context: Pick<Context, "cwd" | "terminal" | "client" | "signal">,
): Promise<Manifest[]> {
  if (paths.filter((path) => path === "-").length > 1)
    throw new AppError("usage", "standard input can be read only once: give - once");
  const manifests: Manifest[] = [];
  const faults: Located[] = [];
  const isFile = (path: string) => path !== "-" && !isAddress(path);
  for (const path of paths.flatMap((path) => (isFile(path) ? filesAt(path, context.cwd) : path))) {
    const text = isFile(path)
      ? await readTextFile(path, context.cwd, "invalid_request")
      : withoutByteOrderMark(
          path === "-" ? await context.terminal.readStdin() : await readRemote(path, context),
        );
    const found = manifestsIn(text, path === "-" ? "standard input" : path);
    manifests.push(...found.manifests);
    faults.push(...found.faults);
  }
  faults.push(...givenTwice(manifests));
  if (faults.length > 0) throw faultsError(faults);
  if (manifests.length === 0) throw new AppError("invalid_request", `${paths.join(", ")}: no object found`);
  return manifests;
}

/** Reads manifests from one text. `source` is its name in errors. Throws as `readManifests` does. */
export function parseManifests(text: string, source: string): Manifest[] {
  const { manifests, faults } = manifestsIn(text, source);
  if (faults.length > 0) throw faultsError(faults);
  return manifests;
}

function faultsError(faults: readonly Located[]): AppError {
  const details: Fault[] = faults.map(({ source, line, column, text }) => ({
    path: `${source}:${line}:${column}`,
    message: text,
  }));
  const kind = faults.find((fault) => fault.kind !== undefined)?.kind;
  const hint = kind && { hint: `to see the fields: mcpctl explain ${kind}` };
  const [first] = details;
  if (details.length === 1)
    return new AppError("invalid_request", `${first!.path}: ${first!.message}`, { ...hint });
  return new AppError("invalid_request", `${details.length} faults; nothing was sent`, { details, ...hint });
}

/** Faults for objects that are given twice: it would depend on the order which one is applied. */
function givenTwice(manifests: readonly Manifest[]): Located[] {
  const seen = new Map<string, string>();
  const faults: Located[] = [];
  for (const { kind, name, fields, source } of manifests) {
    const key = [kind.kind, name, scopeOf(kind, fields)].join("/");
    const before = seen.get(key);
    seen.set(key, source);
    if (before === undefined) continue;
    const [, file, line] = source.match(/^(.*):(\d+)$/)!;
    const text = `${kind.kind} "${name}" is given twice; also at ${before}`;
    faults.push({ source: file!, line: Number(line), column: 1, text });
  }
  return faults;
}

function filesAt(path: string, cwd: string): string[] {
  const absolute = resolve(cwd, path);
  if (!stat(absolute, path).isDirectory()) return [path];
  return readdirSync(absolute)
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !stat(join(absolute, name), path).isDirectory())
    .sort()
    .map((name) => join(path, name));
}

function stat(absolute: string, shown: string) {
  try {
    return statSync(absolute);
  } catch (cause) {
    throw unreadable(shown, cause, "invalid_request");
  }
}
