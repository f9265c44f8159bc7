import { type TSchema, Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import type { KindInfo } from "../../kinds/define.ts";
import { didYouMean } from "../../kinds/names.ts";
import type { Context } from "../core/context.ts";
import { choice } from "../core/parse.ts";
import { present, wordsOf } from "../flags/schema.ts";
import { remoteKinds, serverKinds } from "./resolve-kind.ts";

/** The fields of every object, besides those of its kind. */
const commonFields = ["id", "name", "version", "createdAt", "updatedAt"];

/** The field that a path begins with: `apiKeyRef` of `.apiKeyRef.name`; undefined for a path that begins otherwise. */
export function firstField(path: string): string | undefined {
  return /^\{?\.?(\w+)/.exec(path)?.[1];
}

/**
 * Throws AppError `usage` for a path whose first field none of some kinds has, with the nearest field. The server is asked
 * about a field that is not known here: it may be newer.
 *
 * @param flag the flag that was given, for the error
 */
export async function assertField(
  path: string,
  kinds: readonly KindInfo[],
  flag: string,
  context: Context,
): Promise<void> {
  const field = firstField(path);
  if (field === undefined) return;
  const known = kinds.flatMap(fieldsOfKind);
  if (known.includes(field)) return;
  const names = new Set(kinds.map(({ kind }) => kind));
  const newer = (await serverKinds(context)).filter(({ kind }) => names.has(kind));
  if (newer.flatMap(fieldsOfKind).includes(field)) return;
  const which = kinds.length === 1 ? kinds[0]!.kind : "none of these kinds";
  throw new AppError(
    "usage",
    kinds.length === 1
      ? `${flag}: ${which} has no field "${field}"`
      : `${flag}: ${which} has the field "${field}"`,
    { hint: didYouMean(field, known) ?? `to see its fields: mcpctl explain ${kinds[0]!.kind}` },
  );
}

/**
 * Throws AppError `usage` if a field has fixed values and a text is none of them, with the nearest one: otherwise nothing
 * would ever meet the condition. The server is asked about a value that is not known here: it may be newer.
 */
export async function assertValue(
  { path, value }: { path: string; value: string },
  kinds: readonly KindInfo[],
  flag: string,
  context: Context,
): Promise<void> {
  if (value === "" || value === "null") return;
  const words = wordsAt(path, kinds);
  if (!words || words.includes(value)) return;
  const names = new Set(kinds.map(({ kind }) => kind));
  const newer = (await remoteKinds(context)).filter(({ kind }) => names.has(kind));
  if (newer.length > 0 && (wordsAt(path, newer)?.includes(value) ?? true)) return;
  throw new AppError("usage", `${flag}: ${path} must be ${choice(words)}, not "${value}"`, {
    hint:
      didYouMean(value, words) ??
      `to see what they mean: mcpctl explain ${kinds[0]!.kind}.${plainPath(path)}`,
  });
}

/** Returns the values that a field can have in some kinds; undefined if one of them takes others, or lacks the field. */
function wordsAt(path: string, kinds: readonly KindInfo[]): string[] | undefined {
  const found = kinds.map((kind) => wordsOfField(kind, plainPath(path).split(".")));
  return found.every((words) => words.length > 0) ? [...new Set(found.flat())] : undefined;
}

function wordsOfField({ fields, readOnly }: KindInfo, path: readonly string[]): string[] {
  let schema: TSchema | undefined = Type.Object({ ...readOnly.properties, ...fields.properties });
  for (const key of path) {
    const properties: Record<string, TSchema> | undefined = elementOf(schema)["properties"];
    schema = properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!schema) return [];
  }
  const inner = elementOf(schema);
  return inner["type"] === "boolean" ? ["true", "false"] : wordsOf(inner);
}

/** Returns the schema without null, and that of the elements of a list. */
function elementOf(schema: TSchema): TSchema {
  const inner = present(schema);
  return inner["type"] === "array" && typeof inner["items"] === "object" ? present(inner["items"]) : inner;
}

function plainPath(path: string): string {
  return path.replaceAll(/^\{?\.?|\}$/g, "").replaceAll(/\[\*?\d*\]/g, "");
}

function fieldsOfKind({ fields, readOnly }: KindInfo): string[] {
  return [...Object.keys(fields.properties), ...Object.keys(readOnly.properties), ...commonFields];
}
