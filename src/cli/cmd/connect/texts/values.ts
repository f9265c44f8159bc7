import { AppError } from "../../../../errors.ts";
import { isObject } from "../../../../wire/json.ts";
import { checkJson, removeMember, setMember } from "../../../../wire/json-members.ts";
import type { FileFormat } from "../client.ts";
import { parseToml, removePair, removeTable, setPairs, type TomlValue } from "./toml-text.ts";
import { parseYaml, removeYaml, setYaml } from "./yaml-text.ts";

/** Bun's parser of JSON with comments. Its types do not know it yet. */
const { JSONC } = Bun as unknown as { JSONC: { parse(text: string): unknown } };

interface TextFormat {
  /** Returns the values of a text. Throws AppError `invalid_request` if the client would not read it. */
  parse(text: string): unknown;
  set(text: string, path: readonly string[], value: unknown): string;
  remove(text: string, path: readonly string[]): string;
}

const formats: Readonly<Record<FileFormat, TextFormat>> = {
  json: {
    parse(text) {
      if (text.trim() === "") return {};
      // The scanner tells the line of a fault, which Bun's parser does not.
      checkJson(text);
      return JSONC.parse(text);
    },
    set: setMember,
    remove: removeMember,
  },
  toml: {
    parse: parseToml,
    set: (text, path, value) =>
      isObject(value)
        ? setPairs(text, path, value as Record<string, TomlValue>)
        : setPairs(text, path.slice(0, -1), { [path.at(-1)!]: value as TomlValue }),
    remove: (text, path) =>
      isObject(valueAt(parseToml(text), path)) ? removeTable(text, path) : removePair(text, path),
  },
  yaml: {
    parse: parseYaml,
    set: setYaml,
    remove: removeYaml,
  },
  text: {
    parse: (text) => (text === "" ? undefined : text),
    set: (_, __, value) => String(value),
    remove: () => "",
  },
};

/** Returns the value at a path of a text; undefined if there is none. */
export function readValue(format: FileFormat, text: string, path: readonly string[]): unknown {
  return valueAt(formats[format].parse(text), path);
}

/**
 * Sets a value in a text. All else stays as it is, byte by byte.
 *
 * @param value undefined removes it
 * @throws AppError `invalid_request` if the text is not what the client reads, or cannot be changed without a doubt
 */
export function withValue(format: FileFormat, text: string, path: readonly string[], value: unknown): string {
  const { parse, set, remove } = formats[format];
  const before = parse(text);
  if (Bun.deepEquals(valueAt(before, path), value)) return text;
  const result = value === undefined ? remove(text, path) : set(text, path, value);
  const after = parse(result);
  const isSet = Bun.deepEquals(valueAt(after, path), value);
  if (isSet && Bun.deepEquals(without(after, path), without(before, path))) return result;
  throw new AppError("invalid_request", "it is written in a way that mcpctl cannot change safely");
}

/** True if a text holds nothing that a client would read, and no comment. */
export function isEmptyText(text: string): boolean {
  return /^\s*((\{\s*\}|\[\s*\])\s*)?$/.test(text);
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value.find((one) => isNamed(one, key));
    return isObject(value) ? value[key] : undefined;
  }, values);
}

/** Returns values without the one at a path, and without what is empty then; undefined if nothing is left. */
function without(values: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return undefined;
  if (Array.isArray(values)) {
    const others = values.filter((one) => !isNamed(one, key));
    return others.length === 0 ? undefined : others;
  }
  if (!isObject(values)) return values;
  const { [key]: value, ...others } = values;
  const inner = rest.length === 0 || (value ?? undefined) === undefined ? undefined : without(value, rest);
  if (inner !== undefined) return { ...others, [key]: inner };
  return Object.keys(others).length === 0 ? undefined : others;
}

/** True for the element of a list that a step `=NAME` of a path means. */
function isNamed(element: unknown, key: string): boolean {
  return isObject(element) && key === `=${String(element["name"])}`;
}
