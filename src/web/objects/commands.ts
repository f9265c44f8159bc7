import type { ShownKind } from "../api/kinds.ts";
import type { ApiObject } from "../api/lists.ts";
import { formOf } from "../api/schema.ts";
import { commandOf } from "../ui/yaml.ts";

/** Returns the command line that makes an object. Values that are never shown are asked for by the program. */
export function createCommand(
  kind: ShownKind,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const scope = kind.scopedBy;
  const words = Object.entries(fields).flatMap(([field, value]) =>
    field === scope ? ["-p", String(value)] : flagWords(kind, field, value),
  );
  return commandOf("create", kind.kind, name || "NAME", ...words);
}

/** @param field its dotted path: a flag sets a field, or one inside of it */
function flagWords(kind: ShownKind, field: string, value: unknown): string[] {
  const flags = Object.entries(kind.flags);
  const [flag, { parse = undefined } = {}] =
    flags.find(([, one]) => one.field === field && one.parse !== "file") ?? [];
  if (flag === undefined && flags.some(([, one]) => one.field.startsWith(`${field}.`)))
    return Object.entries(value ?? {}).flatMap(([key, one]) => flagWords(kind, `${field}.${key}`, one));
  const name = `--${flag ?? field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  if (kind.writeOnly.includes(field))
    return parse === "secret"
      ? Object.keys(value as object).flatMap((key) => [name, `${key}=-`])
      : [`${name}-stdin`];
  if (typeof value === "boolean") return value ? [name] : [];
  const wordFor = (elementWords[parse ?? ""] ?? String) as (element: unknown) => string;
  const isListed =
    wordFor !== String || (Array.isArray(value) && value.every((one) => typeof one === "string"));
  if (Array.isArray(value) && isListed) return value.flatMap((one) => [name, wordFor(one)]);
  if (typeof value !== "object" || value === null) return [name, String(value)];
  if (parse === "ref" || formOf(kind.fields.properties[field] ?? {}) === "reference") {
    const reference = value as { name: string; key: string };
    return [name, `${reference.name}/${reference.key}`];
  }
  if (parse === "pairs")
    return Object.entries(value).flatMap(([key, one]) => [name, `${key}=${plainText(one)}`]);
  return [name, JSON.stringify(value)];
}

interface NamedEntry {
  name: string;
  value?: string;
  valueFrom?: { secretRef?: { name: string; key: string }; userKey?: string };
}

/** The forms of an element of a list on the command line, by the format of its flag. */
const elementWords: Readonly<Record<string, (element: never) => string>> = {
  subject: ({ kind, name }: { kind: string; name: string }) => `${kind}:${name}`,
  grant: (grant: Record<string, string>) =>
    Object.entries(grant)
      .map(([key, value]) => `${key}:${value}`)
      .join(),
  named: ({ name, value = "", valueFrom: { secretRef, userKey } = {} }: NamedEntry) =>
    `${name}=${secretRef ? `secret://${secretRef.name}/${secretRef.key}` : userKey === undefined ? value : `user://${userKey}`}`,
};

/** Returns the command line that changes fields of an object. */
export function patchCommand(
  kind: ShownKind,
  object: ApiObject,
  changes: Readonly<Record<string, unknown>>,
): string {
  const words = Object.entries(changes).map(([field, value]) => {
    const isHidden = kind.writeOnly.includes(field);
    return `${field}=${value === null ? "" : isHidden ? "-" : plainText(value)}`;
  });
  const named = [object.name, ...(words.length === 0 ? ["FIELD=VALUE"] : words)];
  return commandOf("patch", kind.kind, ...named, ...scopeWords(kind, object));
}

/** Returns the words that name the project of an object whose name is unique in it alone. */
export function scopeWords({ scopedBy }: ShownKind, object: ApiObject): string[] {
  const scope = scopedBy === "project" ? object["project"] : undefined;
  return typeof scope === "string" ? ["-p", scope] : [];
}

function plainText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
