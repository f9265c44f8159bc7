import type { Kind } from "../../kinds/define.ts";
import type { RoleBinding } from "../../kinds/grants.ts";
import type { NamedValue } from "../../kinds/mcp-settings.ts";
import { isObject } from "../../wire/json.ts";
import { type FieldFlag, flagsOf } from "./define.ts";
import { isRequired } from "./schema.ts";

/** The example of a kind as a command line, without `mcpctl`: `create llm claude --type anthropic …`. */
export function exampleLine(kind: Kind): string {
  const { name, ...fields } = kind.example;
  const words = ["create", kind.kind, name];
  const scope = kind.scopedBy === undefined ? undefined : fields[kind.scopedBy];
  if (scope !== undefined) words.push("-p", String(scope));
  const given = new Set<string>();
  for (const flag of flagsOf(kind)) {
    const value = valueAt(fields, flag.field.split("."));
    if (flag.parse === "file" || value === undefined || given.has(flag.field)) continue;
    const texts = textsOf(flag, value);
    if (texts.length > 0) given.add(flag.field);
    for (const text of texts) {
      if (flag.hidden || flag.shape === "boolean") words.push(`--${flag.name}`);
      // A value that begins with a hyphen would be taken for a flag.
      else if (text.startsWith("-")) words.push(quoted(`--${flag.name}=${text}`));
      else words.push(`--${flag.name}`, quoted(text));
    }
  }
  return words.join(" ");
}

/** `llm NAME --type TYPE --model MODEL [flags]`: the flags without which nothing is created come first. */
export function createUsage(kind: Kind): string {
  const needed = flagsOf(kind).filter(
    ({ field, hidden, parse }) => !hidden && parse !== "file" && isRequired(kind.fields, field),
  );
  const one = [...new Map(needed.map((flag) => [flag.field, flag])).values()];
  const flags = one.map(({ name, value }) => `--${name} ${value ?? name.toUpperCase()}`);
  return [kind.kind, "NAME", ...flags, "[flags]"].join(" ");
}

function valueAt(fields: unknown, path: readonly string[]): unknown {
  let value = fields;
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  return value;
}

/** The values of a flag that set a field to a value; each is one use of the flag. */
function textsOf({ parse, shape }: FieldFlag, value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  if (parse === "secret") return Object.keys(value as object).map((key) => `${key}=-`);
  if (parse === "pairs" || shape === "map") return pairs(value as object, "");
  if (parse === "subject") return list.map(({ kind, name }) => `${kind}:${name}`);
  if (parse === "grant") return list.map(grantOf);
  if (parse === "named") return list.map(namedOf);
  if (parse === "ref" || shape === "reference") return list.map(({ name, key }) => `${name}/${key}`);
  if (shape === "json") return [JSON.stringify(value)];
  return list.map(String);
}

function pairs(value: object, before: string): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    isObject(inner) ? pairs(inner, `${before}${key}.`) : [`${before}${key}=${textOf(inner)}`],
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function grantOf(grant: RoleBinding): string {
  return Object.entries(grant)
    .map(([key, value]) => `${key}:${value}`)
    .join(",");
}

function namedOf({ name, value, valueFrom: { secretRef, userKey } = {} }: NamedValue): string {
  if (userKey !== undefined) return `${name}=user://${userKey}`;
  return `${name}=${secretRef ? `secret://${secretRef.name}/${secretRef.key}` : value}`;
}

/** A word as a shell takes it. */
function quoted(text: string): string {
  return /^[\w.,:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
