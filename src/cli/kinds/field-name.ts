import { AppError } from "../../errors.ts";
import type { KindInfo } from "../../kinds/define.ts";
import { didYouMean } from "../../kinds/names.ts";
import type { Context } from "../core/context.ts";
import { serverKinds } from "./resolve-kind.ts";

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

function fieldsOfKind({ fields, readOnly }: KindInfo): string[] {
  return [...Object.keys(fields.properties), ...Object.keys(readOnly.properties), ...commonFields];
}
