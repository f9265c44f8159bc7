import { AppError } from "../../errors.ts";
import type { Kind } from "../../kinds/define.ts";
import type { Value } from "../core/command.ts";
import { typedName } from "../core/parse.ts";
import { type FieldFlag, flagFor, flagsOf } from "./define.ts";

type Given = Readonly<Record<string, Value>>;

/**
 * Returns the error of a server that refuses fields, with the flags that were typed in the place of the fields:
 * `roleBindings.0.name: …` becomes `--bind: …`, or `--bind #1: …` where the flag was given more than once. Fields that no
 * flag has set keep their names, except those that are required, and so does every other error.
 *
 * @param given what `parse` has returned
 * @param project the global flag
 */
export function namedByFlags(
  error: unknown,
  kind: Kind,
  given: Given,
  project?: string | undefined,
): unknown {
  if (!(error instanceof AppError) || error.details === undefined) return error;
  const known = flagsOf(kind);
  const flags = known.filter(({ name }) => valuesOf(given[name]).length > 0);
  const details = error.details.map(({ path, message }) => {
    const field = path.slice(1).replaceAll("/", ".");
    // The global flag of its name sets it.
    const isScope = field === kind.scopedBy && project !== undefined;
    // What is missing is named by the flag that would set it.
    const isMissing = message.startsWith("is required");
    const name = isScope ? `--${field}` : nameOf(field, isMissing ? known : flags, given);
    return { field, message, path: name ?? path, name: name ?? field };
  });
  const [first] = details;
  if (!first || details.every(({ field, name }) => field === name)) return error;
  const text = error.message.replace(`${first.field}: `, () => `${first.name}: `);
  return new AppError(error.code, text, {
    ...error,
    cause: error.cause,
    details: details.map(({ path, message }) => ({ path, message })),
  });
}

/** Returns the name of a field as it was typed; undefined if no flag has set it. */
function nameOf(field: string, flags: readonly FieldFlag[], given: Given): string | undefined {
  const flag = flagFor(field, flags);
  if (!flag) return undefined;
  const [inner = ""] = field.slice(flag.field.length + 1).split(".");
  const typed = `--${typedName(given, flag.name)}`;
  if (/^\d+$/.test(inner)) {
    const isOneOfMany = valuesOf(given[flag.name]).length > 1;
    return `${typed}${isOneOfMany ? ` #${Number(inner) + 1}` : ""}`;
  }
  return `${typed}${flag.shape === "map" && inner !== "" ? ` ${inner}` : ""}`;
}

/** The values that a flag was given; none for one that was not typed. */
function valuesOf(value: Value): readonly unknown[] {
  return value === undefined || value === false ? [] : [value].flat();
}
