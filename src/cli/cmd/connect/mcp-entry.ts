import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import type { ClientEntry, McpUse } from "./client.ts";
import { readValue, withValue } from "./texts/values.ts";

/**
 * Returns the text of a client's file with an entry for a server. What the user has added to the entry stays, and so does
 * all else in the file, byte by byte.
 *
 * @throws AppError `invalid_request` if the text is not what the client reads, or cannot be changed without a doubt
 */
export function withEntry(use: McpUse, text: string, name: string, entry: ClientEntry): string {
  const path = [...use.section, name];
  const existing = readValue(use.format, text, path);
  if (existing === undefined) return withValue(use.format, text, path, entry);
  if (!isObject(existing))
    throw new AppError("invalid_request", `${path.join(".")} is there already, and is not an object`);
  const stale = use.members.filter((key) => key in existing && !(key in entry));
  const members = [...Object.entries(entry), ...stale.map((key) => [key, undefined] as const)];
  return members.reduce((done, [key, value]) => withValue(use.format, done, [...path, key], value), text);
}

/** Returns the text of a client's file without the entry of a server. */
export function withoutEntry({ format, section }: McpUse, text: string, name: string): string {
  return withValue(format, text, [...section, name], undefined);
}

/** Returns an entry as it stands in a file that holds nothing else. */
export function entryText({ format, section }: McpUse, name: string, entry: ClientEntry): string {
  return withValue(format, "", [...section, name], entry);
}
