import { ApiError } from "../api/client.ts";
import { type FieldForm, type FieldSchema, formOf, leavesOf, wordsOf } from "../api/schema.ts";

/** The texts of a form, by the dotted path of their field. A list has a line for each element. */
export type FormTexts = Readonly<Record<string, string>>;

/** Returns the texts of a form for an object. */
export function textsOf(schema: FieldSchema, object: Readonly<Record<string, unknown>>): FormTexts {
  return Object.fromEntries(
    leavesOf(schema).map(({ path, form }) => {
      const value = path
        .split(".")
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], object);
      return [path, value === undefined || value === null ? "" : textOf(form, value)];
    }),
  );
}

function textOf(form: FieldForm, value: unknown): string {
  if (form === "names") return (value as string[]).join("\n");
  if (form === "reference") {
    const { name, key } = value as { name: string; key: string };
    return `${name}/${key}`;
  }
  return typeof value === "string" ? value : JSON.stringify(value, null, form === "json" ? 2 : 0);
}

/**
 * Returns the fields of which the texts have changed, each as a whole. What is empty is null, which clears it, unless it
 * is empty by default.
 *
 * @throws ApiError that names a field whose text cannot be read
 */
export function changesOf(schema: FieldSchema, before: FormTexts, now: FormTexts): Record<string, unknown> {
  const changes = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const isChanged = leavesOf({ type: "object", properties: { [name]: field } }).some(
      ({ path }) => (before[path] ?? "") !== (now[path] ?? ""),
    );
    return isChanged ? [[name, valueAt(field, name, now)] as const] : [];
  });
  return Object.fromEntries(changes);
}

/** Returns the values of a form; what is empty is left out. Throws ApiError as `changesOf` does. */
export function valuesOf(schema: FieldSchema, texts: FormTexts): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(changesOf(schema, {}, texts)).filter(([, value]) => value !== null),
  );
}

function valueAt(schema: FieldSchema, path: string, texts: FormTexts): unknown {
  const form = formOf(schema);
  if (form === "group") {
    const inner = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
      const value = valueAt(field, `${path}.${name}`, texts);
      return value === null ? [] : [[name, value] as const];
    });
    return inner.length === 0 ? null : Object.fromEntries(inner);
  }
  const text = texts[path] ?? "";
  if (text === "") return schema.default === "" || Array.isArray(schema.default) ? schema.default : null;
  return parsed(form, schema, path, text);
}

function parsed(form: FieldForm, schema: FieldSchema, path: string, text: string): unknown {
  if (form === "text" || form === "long") return text;
  if (form === "choice") return wordsOf(schema).find((word) => wordText(word) === text) ?? text;
  if (form === "names") return text.split("\n").filter((line) => line !== "");
  if (form === "reference") {
    const slash = text.indexOf("/");
    if (slash < 1 || slash === text.length - 1)
      throw new ApiError(`${path} must be SECRET/KEY`, "invalid_request", 400, "a secret, and a key in it");
    return { name: text.slice(0, slash), key: text.slice(slash + 1) };
  }
  try {
    return JSON.parse(text);
  } catch {
    const hint = form === "json" ? 'texts stand in quotes: "text"' : undefined;
    throw new ApiError(
      `${path} must be ${form === "json" ? "JSON" : `a ${form}`}`,
      "invalid_request",
      400,
      hint,
    );
  }
}

/** Returns the text that a form has for one of some values. */
export function wordText(word: unknown): string {
  return typeof word === "string" ? word : JSON.stringify(word);
}
