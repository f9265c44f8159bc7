import type { TSchema } from "@sinclair/typebox";
import type { Flag, Kind } from "../../kinds/define.ts";
import type { Arg, Args } from "../core/command.ts";
import { type Shape, schemaAt, shapeOf, wordsOf } from "./schema.ts";

/** A flag of `create KIND` and the field that it sets. */
export interface FieldFlag extends Flag {
  name: string;
  /** Undefined inside a map with any keys. */
  schema: TSchema | undefined;
  shape: Shape;
  /** The value is read from standard input or asked for: every process can see the arguments of another. */
  hidden: boolean;
}

/**
 * The flags of `create KIND`: those of the descriptor, then one in kebab-case for every other field. The field that
 * scopes names has none, because the global flag of its name sets it.
 */
export function flagsOf(kind: Kind): FieldFlag[] {
  const flags: Record<string, Flag> = { ...kind.flags };
  const named = new Set(Object.values(flags).map(({ field }) => field.split(".")[0]));
  for (const field of Object.keys(kind.fields.properties))
    if (!named.has(field)) flags[kebab(field)] = { field };
  return Object.entries(flags)
    .filter(([, { field }]) => field !== kind.scopedBy)
    .map(([name, flag]) => {
      const schema = schemaAt(kind.fields, flag.field.split("."));
      const hidden = kind.writeOnly.includes(flag.field) && flag.parse !== "secret";
      const shape = schema ? shapeOf(schema) : "text";
      return { ...flag, name: hidden ? `${name}-stdin` : name, schema, shape, hidden };
    });
}

/** Returns the flag that sets a field, or the nearest one around it; undefined if none of the given flags does. */
export function flagFor<F extends FieldFlag>(field: string, flags: readonly F[]): F | undefined {
  return flags
    .filter((flag) => `${field}.`.startsWith(`${flag.field}.`))
    .sort((a, b) => b.field.length - a.field.length)[0];
}

/** The flags of `create KIND` as arguments of a verb. */
export function argsOf(kind: Kind): Args {
  return Object.fromEntries(flagsOf(kind).map((flag) => [flag.name, argOf(flag)]));
}

const hints: Partial<Record<string, string>> = {
  reference: "SECRET/KEY",
  ref: "SECRET/KEY",
  file: "FILE",
  map: "k=v",
  number: "N",
  json: "JSON",
};

/** The `parse` values that take one value. All others make a list or a map, and their flag may be repeated. */
const single: ReadonlySet<string> = new Set(["ref", "file", "ttl"]);

function argOf({ alias, description, field, hidden, names, parse, schema, shape, value }: FieldFlag): Arg {
  if (hidden)
    return {
      type: "boolean",
      description: `Read the ${field} from standard input; on a terminal it is asked for, twice`,
    };
  const common = {
    // What a field takes, the kind says.
    empty: true as const,
    ...(alias && { alias: [alias].flat() }),
    description: description ?? schema?.description ?? "",
  };
  if (shape === "boolean") return { type: "boolean", ...common };
  if (shape === "word" && !parse && schema) return { type: "enum", options: wordsOf(schema), ...common };
  const complete = completionOf(names, parse ?? shape);
  const valueHint = value ?? hints[parse ?? shape];
  const multiple = (parse ? !single.has(parse) : shape === "list" || shape === "map") && {
    multiple: true as const,
  };
  return {
    type: "string",
    ...common,
    ...(valueHint && { valueHint }),
    ...(complete && { complete }),
    ...multiple,
  };
}

function completionOf(names: string | undefined, form: string): Arg["complete"] {
  if (names !== undefined) return { kind: names };
  if (form === "grant") return "grants";
  if (form === "subject") return "subjects";
  return form === "ref" || form === "reference" ? "secret-keys" : undefined;
}

function kebab(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
