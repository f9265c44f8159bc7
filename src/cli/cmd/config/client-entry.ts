import { AppError } from "../../../errors.ts";
import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { removeMember, setMember } from "./json-text.ts";
import type { ClientEntry, McpClient } from "./mcp-clients.ts";
import { parseToml, removeTable, setPairs, type TomlValue, tableText } from "./toml-text.ts";

/** Bun's parser of JSON with comments. Its types do not know it yet. */
const { JSONC } = Bun as unknown as { JSONC: { parse(text: string): unknown } };

/**
 * Returns the text of a client's file with an entry for a server. What the user has added to the entry stays, and so does
 * all else in the file, byte by byte.
 *
 * @throws AppError `invalid_request` if the text is not what the client reads, or cannot be changed without a doubt
 */
export function withEntry(client: McpClient, text: string, name: string, entry: ClientEntry): string {
  const path = [...client.section, name];
  const before = valuesIn(client, text);
  const existing = at(before, path);
  if (existing !== undefined && !isObject(existing))
    throw new AppError("invalid_request", `${path.join(".")} is there already, and is not an object`);
  const stale = client.members.filter((key) => existing && key in existing && !(key in entry));
  const changed = Object.entries(entry).filter(([key, value]) => !Bun.deepEquals(existing?.[key], value));
  if (existing && stale.length === 0 && changed.length === 0) return text;
  let result = text;
  if (client.format === "toml") {
    const gone = Object.fromEntries(stale.map((key) => [key, undefined]));
    result = setPairs(text, path, { ...gone, ...(Object.fromEntries(changed) as Record<string, TomlValue>) });
  } else if (!existing) result = setMember(text, path, entry);
  else {
    for (const [key, value] of changed) result = setMember(result, [...path, key], value);
    for (const key of stale) result = removeMember(result, [...path, key]);
  }
  const kept = Object.entries(existing ?? {}).filter(([key]) => !client.members.includes(key));
  return checked(client, result, before, path, { ...Object.fromEntries(kept), ...entry });
}

/** Returns the text of a client's file without the entry of a server. */
export function withoutEntry(client: McpClient, text: string, name: string): string {
  const path = [...client.section, name];
  const before = valuesIn(client, text);
  if (at(before, path) === undefined) return text;
  const result = client.format === "toml" ? removeTable(text, path) : removeMember(text, path);
  return checked(client, result, before, path, undefined);
}

/** Returns an entry as it stands in a file that holds nothing else. */
export function entryText(client: McpClient, name: string, entry: ClientEntry): string {
  const path = [...client.section, name];
  return client.format === "toml"
    ? tableText(path, entry as Record<string, TomlValue>)
    : setMember("", path, entry);
}

/** True if a text holds nothing that a client would read, and no comment. */
export function isEmptyText(text: string): boolean {
  return /^\s*(\{\s*\}\s*)?$/.test(text);
}

/** Parses a new text again: nothing but the entry may have changed. */
function checked(
  client: McpClient,
  text: string,
  before: JsonObject,
  path: readonly string[],
  expected: unknown,
): string {
  const after = valuesIn(client, text);
  const isEntry = Bun.deepEquals(at(after, path), expected);
  if (isEntry && Bun.deepEquals(without(after, path), without(before, path))) return text;
  throw new AppError("invalid_request", "it is written in a way that mcpctl cannot change safely");
}

function valuesIn(client: McpClient, text: string): JsonObject {
  if (client.format === "toml") return parseToml(text);
  if (text.trim() === "") return {};
  // The scanner tells the line of a fault, which Bun's parser does not.
  setMember(text, ["x"], 0);
  const values = JSONC.parse(text);
  return isObject(values) ? values : {};
}

function at(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), values);
}

/** Returns values without the one at a path, and without what is empty then. */
function without(values: JsonObject, [key, ...rest]: readonly string[]): JsonObject {
  const { [key!]: value, ...others } = values;
  if (rest.length === 0 || !isObject(value)) return others;
  const inner = without(value, rest);
  return Object.keys(inner).length === 0 ? others : { ...others, [key!]: inner };
}
