/** A JSON schema of a field, as far as a form is made of it. */
export interface FieldSchema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  maxLength?: number;
  minimum?: number;
  anyOf?: FieldSchema[];
  items?: FieldSchema;
  properties?: Record<string, FieldSchema>;
  required?: string[];
}

/**
 * The form of a field. `choice`: one of some words. `names`: a list of texts. `reference`: a secret and a key in it.
 * `group`: an object with known fields. `json`: all others.
 */
export type FieldForm =
  | "text"
  | "long"
  | "number"
  | "boolean"
  | "choice"
  | "names"
  | "reference"
  | "group"
  | "json";

/** Texts that may be longer than this get several lines. */
const longText = 2000;

/** Returns the schema without null. */
function present(schema: FieldSchema): FieldSchema {
  const rest = (schema.anyOf ?? []).filter(({ type }) => type !== "null");
  const [only] = rest;
  return only && rest.length === 1 ? { ...only, ...pick(schema) } : schema;
}

function pick({ description, default: value }: FieldSchema): FieldSchema {
  return {
    ...(description !== undefined && { description }),
    ...(value !== undefined && { default: value }),
  };
}

/** Returns the values that a field accepts; empty if it accepts others. */
export function wordsOf(schema: FieldSchema): unknown[] {
  const { enum: words, anyOf = [] } = present(schema);
  if (words) return words;
  const consts = anyOf.map((one) => one.const);
  return consts.includes(undefined) ? [] : consts;
}

export function formOf(schema: FieldSchema): FieldForm {
  const inner = present(schema);
  if (wordsOf(inner).length > 0) return "choice";
  const { type, properties, items, maxLength = 0 } = inner;
  if (type === "string") return maxLength > longText ? "long" : "text";
  if (type === "number" || type === "integer") return "number";
  if (type === "boolean") return "boolean";
  if (type === "array" && items && formOf(items) === "text") return "names";
  if (type !== "object" || !properties) return "json";
  return Object.keys(properties).sort().join() === "key,name" ? "reference" : "group";
}

/** Returns the fields of an object with the dotted path of each, those of a group with their own. */
export function leavesOf(
  schema: FieldSchema,
  above = "",
): { path: string; schema: FieldSchema; form: FieldForm }[] {
  return Object.entries(present(schema).properties ?? {}).flatMap(([name, field]) => {
    const form = formOf(field);
    const path = `${above}${name}`;
    return form === "group" ? leavesOf(field, `${path}.`) : [{ path, schema: present(field), form }];
  });
}

/** Returns the name of a field as words: `costPerDay` is `Cost per day`. */
export function labelOf(field: string): string {
  const words = field.replace(
    /([a-z\d])([A-Z])/g,
    (_, before, letter) => `${before} ${letter.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1);
}
