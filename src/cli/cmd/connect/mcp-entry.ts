import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import type { ClientEntry, McpUse } from "./client.ts";
import { readValue, withValue } from "./texts/values.ts";

/**
 * Returns the text of a client's file with an entry for a server. What the user has added to the entry stays, and so does
 * all else in the file, byte by byte; of a client with a list, the entry is written anew.
 *
 * @param text undefined for a file that is not there
 * @throws AppError `invalid_request` if the text is not what the client reads, or cannot be changed without a doubt
 */
export function withEntry(use: McpUse, text: string | undefined, name: string, entry: ClientEntry): string {
  const path = pathOf(use, name);
  const before = text?.trim() ? text : (use.newFile ?? text ?? "");
  const existing = readValue(use.format, before, path);
  if (existing === undefined) return withValue(use.format, before, path, written(use, name, entry));
  if (!isObject(existing))
    throw new AppError("invalid_request", `${path.join(".")} is there already, and is not an object`);
  const stale = use.members.filter((key) => key in existing && !(key in entry));
  if (use.isList) {
    const kept = Object.entries(existing).filter(([key]) => !stale.includes(key));
    return withValue(use.format, before, path, { ...Object.fromEntries(kept), ...entry });
  }
  const members = [...Object.entries(entry), ...stale.map((key) => [key, undefined] as const)];
  return members.reduce((done, [key, value]) => withValue(use.format, done, [...path, key], value), before);
}

/** Returns the text of a client's file without the entry of a server. */
export function withoutEntry(use: McpUse, text: string, name: string): string {
  return withValue(use.format, text, pathOf(use, name), undefined);
}

/** Returns an entry as it stands in a file that holds nothing else. */
export function entryText(use: McpUse, name: string, entry: ClientEntry): string {
  return withValue(use.format, use.newFile ?? "", pathOf(use, name), written(use, name, entry));
}

function pathOf({ section, isList }: McpUse, name: string): string[] {
  return [...section, isList ? `=${name}` : name];
}

function written({ isList }: McpUse, name: string, entry: ClientEntry): ClientEntry {
  return isList ? { name, ...entry } : entry;
}
