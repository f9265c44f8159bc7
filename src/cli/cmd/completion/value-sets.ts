import type { Kind } from "../../../kinds/define.ts";
import { grantable, roles } from "../../../kinds/grants.ts";
import { findKind, kinds } from "../../../kinds/index.ts";
import { actions } from "../../../kinds/operations.ts";
import { present, schemaAt, wordsOf } from "../../flags/schema.ts";

/** The names of the objects of a kind, by its singular name, or with `keys` the keys of secrets as `SECRET/KEY`. */
export type NamesOf = (kind: string, keys?: "keys") => Promise<readonly string[]>;

const commonFields = ["id", "name", "version", "createdAt", "updatedAt"];

function fieldNames({ fields, readOnly, writeOnly }: Kind): string[] {
  const all = [...Object.keys(fields.properties), ...Object.keys(readOnly.properties), ...commonFields];
  return all.filter((field) => !writeOnly.includes(field));
}

/** Fields as paths: `.model`. */
export function fieldWords(kind: Kind | undefined): string[] {
  return kind ? fieldNames(kind).map((field) => `.${field}`) : [];
}

/** `status=active`, `model=`: a field with its words, if it has few. */
export function conditionWords(kind: Kind | undefined): string[] {
  if (!kind) return [];
  return fieldNames(kind).flatMap((field) => {
    const schema = schemaAt(kind.readOnly, [field]) ?? schemaAt(kind.fields, [field]);
    const values = schema ? wordsOf(schema) : [];
    return values.length > 0 ? values.map((value) => `${field}=${value}`) : [`${field}=`];
  });
}

/** Kinds, and after `llm.` the fields of an llm. */
export function fieldPaths(current: string): string[] {
  const [word = "", ...path] = current.split(".");
  const kind = findKind(word);
  if (path.length === 0 || !kind) return kinds.flatMap((one) => [one.kind, one.plural]);
  const above = path.slice(0, -1);
  const inner = schemaAt(kind.fields, above) ?? schemaAt(kind.readOnly, above);
  const schemas = above.length === 0 ? [kind.fields, kind.readOnly] : inner ? [present(inner)] : [];
  const names = schemas.flatMap((schema) => Object.keys(schema["properties"] ?? {}));
  return names.map((name) => [word, ...above, name].join("."));
}

/** The next part of a grant: `role:run`, then `role:run,resource:llms` and `role:run,resource:llms,name:claude`. */
export async function grantWords(current: string, namesOf: NamesOf): Promise<string[]> {
  const parts = current.split(",");
  const before = parts.slice(0, -1).join(",");
  if (parts.length === 1) return roles.map((role) => `role:${role}`);
  if (parts.length === 2) {
    const operations = before === "role:run" ? actions.map((action) => `action:${action}`) : [];
    const resources = [...grantable, "*"].map((resource) => `resource:${resource}`);
    return [...resources, ...operations].map((word) => `${before},${word}`);
  }
  const kind = findKind(/resource:([^,]+)/.exec(before)?.[1] ?? "");
  return kind ? (await namesOf(kind.kind)).map((name) => `${before},name:${name}`) : [];
}

/** `User:alice`; for `grant` also `alice`, `group:friends`. */
export async function subjectWords(
  current: string,
  namesOf: NamesOf,
  form: "subjects" | "principals",
): Promise<string[]> {
  const colon = current.indexOf(":");
  if (colon < 0)
    return form === "principals"
      ? [...(await namesOf("user")), "group:", "token:"]
      : ["User:", "Group:", "Token:"];
  const word = current.slice(0, colon);
  const kind = findKind(word)?.kind ?? "";
  if (!["user", "group", "token"].includes(kind)) return [];
  return (await namesOf(kind)).map((name) => `${word}:${name}`);
}
