import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { AppError } from "../../../errors.ts";
import type { ClientPlaces, FileSettings } from "./client.ts";
import { backupOf, type ClientFile, readClientFile, writeClientFile } from "./client-file.ts";
import type { SettingChange } from "./connection.ts";
import { isEmptyText, readValue, withValue } from "./texts/values.ts";

/** A file of a client as it will be. */
export interface PlannedFile {
  file: ClientFile;
  text: string;
  changes: SettingChange[];
  /** Values that somebody else has changed meanwhile, and that stay. */
  kept: string[];
  /** The text that it began with, if it was made for the settings. */
  newFile: string | undefined;
}

/**
 * Works out the files of a client with some settings, and without those that were made earlier and are not among them.
 * Nothing is written.
 *
 * @param earlier the changes that were made before: what they replaced comes back
 * @throws AppError `invalid_request` that names the file, if it cannot be read or changed
 */
export function planSettings(
  wanted: readonly FileSettings[],
  earlier: readonly SettingChange[],
  places: Pick<ClientPlaces, "home">,
  ownFolder: string,
): PlannedFile[] {
  const names = new Set([...wanted, ...earlier].map(({ file }) => file));
  return [...names].map((name) => {
    const file = readClientFile(name, folderOf(name, [places.home, ownFolder]));
    const settings = wanted.filter((one) => one.file === name);
    const own = earlier.filter((one) => one.file === name);
    try {
      return planned(file, name, settings, own);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new AppError("invalid_request", `${file.path}: ${error.message}`, {
        cause: error,
        hint: "it was not changed; to see the settings, and write them by hand, add --print",
      });
    }
  });
}

function planned(
  file: ClientFile,
  name: string,
  wanted: readonly FileSettings[],
  earlier: readonly SettingChange[],
): PlannedFile {
  const begin = wanted.find(({ newFile }) => newFile !== undefined)?.newFile ?? "";
  const newFile = file.text?.trim() ? earlier.find((one) => one.newFile !== undefined)?.newFile : begin;
  let text = file.text?.trim() ? file.text : begin;
  const changes: SettingChange[] = [];
  const kept: string[] = [];
  const known = (path: readonly string[]) => earlier.find((one) => Bun.deepEquals(one.path, path));
  for (const { format, settings } of wanted)
    for (const { path, value: after } of settings) {
      const current = readValue(format, text, path);
      const old = known(path);
      const before = old && Bun.deepEquals(current, old.after) ? old.before : current;
      text = withValue(format, text, path, after);
      changes.push({ file: name, format, path, before, after, ...(newFile !== undefined && { newFile }) });
    }
  for (const { format, path, before, after } of earlier.toReversed()) {
    if (changes.some((one) => Bun.deepEquals(one.path, path))) continue;
    const current = readValue(format, text, path);
    if (Bun.deepEquals(current, after)) text = withValue(format, text, path, before);
    else if (!Bun.deepEquals(current, before)) kept.push(shownPath(path));
  }
  return { file, text, changes, kept, newFile };
}

/**
 * Writes a planned file; deletes it if it was made for the settings and nothing is left in it.
 *
 * @param isPrivate true if a token stands in it
 * @returns a line for the user, and the path of the old file where there is one
 */
export function writePlanned(
  { file, text, changes, newFile }: PlannedFile,
  isPrivate: boolean,
): { line: string; backup?: string } {
  const { path } = file;
  if (text === (file.text ?? "")) return { line: `${path} unchanged` };
  const isUndone = changes.length === 0;
  const former = isUndone ? formerText(file, text, newFile) : undefined;
  const isDeleted =
    isUndone && former === undefined && newFile !== undefined && (text === newFile || isEmptyText(text));
  const backup = isDeleted ? backupOf(file) : writeClientFile(file, former ?? text, isPrivate);
  if (isDeleted) rmSync(path);
  // No other copy is needed of a file that is as it was before, or that mcpctl alone writes.
  const isOwn = changes.some(({ format }) => format === "text");
  if (backup !== undefined && (isUndone || isOwn)) rmSync(backup, { force: true });
  if (isDeleted) return { line: `${path} deleted: there was nothing else in it` };
  if (isUndone) return { line: `${path} changed: the settings are gone` };
  const paths = changes.flatMap(({ path: keys, before, after }) =>
    keys.length === 0 || Bun.deepEquals(before, after) ? [] : [keys],
  );
  const names = paths.length <= mostNamed ? paths.map(shownPath) : [...new Set(paths.map(shownGroup))];
  return {
    line: `${path} ${file.text === undefined ? "created" : "changed"}${names.length === 0 ? "" : `: ${names.join(", ")}`}`,
    ...(backup !== undefined && !isOwn && { backup }),
  };
}

/**
 * Returns the text that a file had before mcpctl changed it, if what is left without the settings differs from it only at
 * its end, or holds nothing, as it did then; undefined otherwise, and where there is no copy.
 */
function formerText(file: ClientFile, left: string, newFile: string | undefined): string | undefined {
  const path = backupOf(file);
  if (!existsSync(path)) return undefined;
  const { text = "" } = readClientFile(path, dirname(path));
  const isSame =
    text.trimEnd() === left.trimEnd() || (isEmptyText(text) && (isEmptyText(left) || left === newFile));
  return isSame ? text : undefined;
}

/** The folder that a file must stay in: the user's own, or the one that a variable of the client names. */
export function folderOf(file: string, own: readonly string[]): string {
  return own.find((folder) => file.startsWith(`${folder}/`)) ?? dirname(file);
}

/** Of more settings than this only the groups are named. */
const mostNamed = 3;

/** Returns the first keys of a path, as people read them: `model_providers.mcpctl`, `env`. */
function shownGroup(path: readonly string[]): string {
  return shownPath(path.slice(0, path.length > 2 ? 2 : 1));
}

/** Returns a path as people read it. `=NAME` is the entry of a list with that name. */
function shownPath(path: readonly string[]): string {
  return path.map((key) => (key.startsWith("=") ? `entry '${key.slice(1)}'` : key)).join(".");
}
