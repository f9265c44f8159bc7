import { FormatRegistry, KindGuard, type TObject, type TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler, type ValueError, ValueErrorType } from "@sinclair/typebox/compiler";
import type { Fault } from "../errors.ts";
import { withArticle } from "./article.ts";
import type { Kind } from "./define.ts";
import { boundFault, withoutUniqueItems } from "./list-bounds.ts";
import { didYouMean, nearest } from "./names.ts";
import { unstorable, unstorableTexts } from "./storable-text.ts";

// RFC 3339, as `date-time` means in JSON Schema.
const dateTime = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
FormatRegistry.Set("date-time", (text) => dateTime.test(text) && !Number.isNaN(Date.parse(text)));

/** The most faults that are reported, because finding thousands takes too much time. */
const maxFaults = 20;
/** The most characters of a field that takes any data. Lists have all of them. */
const maxFreeForm = 16_384;
/** The most fields that the message for an unknown one names. */
const mostNamed = 10;
/** The longest path in a fault. Paths have keys of the request in them. */
const maxShownPath = 500;

const compiled = new WeakMap<TSchema, TypeCheck<TSchema>>();

function check(schema: TSchema): TypeCheck<TSchema> {
  const found = compiled.get(schema) ?? TypeCompiler.Compile(withoutUniqueItems(schema));
  compiled.set(schema, found);
  return found;
}

/**
 * Checks the fields of a resource, without its name.
 *
 * @param fields the given fields, without defaults; the object is not changed
 * @returns the fields with defaults, and the faults, each with its JSON pointer
 */
export function validateFields(
  kind: Kind,
  fields: Record<string, unknown>,
): { fields: Record<string, unknown>; faults: Fault[] } {
  const faults = Array.from(forbiddenKeys(fields).take(maxFaults), (path) => ({
    path,
    message: "is not allowed as a name",
  }));
  if (faults.length > 0) return { fields, faults };
  const filled = structuredClone(fields);
  // TypeBox's Value.Default would turn an array into an object if the default is an object.
  for (const [field, schema] of Object.entries(kind.fields.properties)) {
    if (filled[field] === undefined && "default" in schema) filled[field] = structuredClone(schema.default);
  }
  const tooLong = Object.entries(kind.fields.properties).filter(
    ([field, schema]) => isFreeForm(schema) && (JSON.stringify(filled[field])?.length ?? 0) > maxFreeForm,
  );
  const ofRow = Object.fromEntries(
    Object.entries(filled).filter(([field]) => !kind.writeOnly.includes(field)),
  );
  return {
    fields: filled,
    faults: [
      ...validate(kind.fields, filled),
      ...Array.from(unstorableTexts(ofRow).take(maxFaults), (path) => ({ path, message: unstorable })),
      ...tooLong.map(([field]) => ({
        path: `/${field}`,
        message: `must have at most ${maxFreeForm} characters as JSON`,
      })),
    ],
  };
}

/** True for the schema of an object with any keys and values. */
function isFreeForm({ patternProperties = {} }: TSchema): boolean {
  return Object.values(patternProperties as Record<string, TSchema>).some(KindGuard.IsUnknown);
}

/** Returns the first 20 faults of a value, each with its JSON pointer and a message for people. */
export function validate(schema: TSchema, value: unknown): Fault[] {
  const bound = boundFault(schema, value);
  if (bound) return [{ ...bound, path: bound.path.slice(0, maxShownPath) }];
  const checker = check(schema);
  if (checker.Check(value)) return [];
  const faults = new Map<string, Fault>();
  for (const error of checker.Errors(value)) {
    for (const fault of explain(error)) if (!faults.has(fault.path)) faults.set(fault.path, fault);
    if (faults.size >= maxFaults) break;
  }
  return [...faults.values()].slice(0, maxFaults);
}

/** Turns an error of TypeBox into faults. For a union, the faults of the most similar variant are returned. */
function explain(error: ValueError): Fault[] {
  const path = error.path.slice(0, maxShownPath);
  if (error.type === ValueErrorType.ObjectAdditionalProperties) {
    const [pattern] = Object.keys(error.schema.patternProperties ?? {});
    if (pattern !== undefined)
      return [{ path, message: `the key ${error.schema["x-key-message"] ?? `must match ${pattern}`}` }];
    return [{ path, message: unknownField(path, propertiesOf(error.schema)) }];
  }
  if (error.type === ValueErrorType.Union) {
    const words = literals(error.schema);
    if (words.length > 0) return [{ path, message: oneOfWords(words, error.value) }];
    const variants = error.errors.map((iterator) =>
      [...Iterator.from(iterator).take(maxFaults)].flatMap(explain),
    );
    const tag = tagOf(error.schema);
    const word: unknown = tag && typeof error.value === "object" ? Object(error.value)[tag.key] : undefined;
    if (tag && word !== undefined)
      return (
        variants[tag.words.indexOf(word as string)] ?? [
          { path: `${path}/${tag.key}`, message: oneOfWords(tag.words, word) },
        ]
      );
    return (
      variants
        .filter((faults) => faults.some((f) => f.path !== path))
        .sort((a, b) => a.length - b.length)[0] ??
      variants[0] ?? [{ path, message: "is not valid" }]
    );
  }
  return [{ path, message: message(error) }];
}

/** The field whose word tells the variants of a union apart, and the word of each: `type` of a stage. */
function tagOf({ anyOf }: TSchema): { key: string; words: string[] } | undefined {
  const variants = (anyOf ?? []) as TSchema[];
  for (const key of Object.keys(variants[0]?.properties ?? {})) {
    const words = variants.map(({ properties }) => properties?.[key]?.const as unknown);
    if (words.every((word) => typeof word === "string") && new Set(words).size === words.length)
      return { key, words: words as string[] };
  }
  return undefined;
}

/** The message for a value that is none of some words, with the most similar one. The value itself may be a secret. */
function oneOfWords(words: readonly string[], value: unknown): string {
  const quoted = words.map((word) => JSON.stringify(word));
  const choice = quoted.length > 4 ? `one of ${quoted.join(", ")}` : quoted.join(" or ");
  const hint = typeof value === "string" ? didYouMean(value, words) : undefined;
  return `must be ${choice}${hint === undefined ? "" : `; ${hint}`}`;
}

function message(error: ValueError): string {
  const { schema } = error;
  switch (error.type) {
    case ValueErrorType.ObjectRequiredProperty:
      return "is required";
    case ValueErrorType.StringMinLength:
      return schema.minLength === 1
        ? "must not be empty"
        : `must have at least ${schema.minLength} characters`;
    case ValueErrorType.StringMaxLength:
      return `must have at most ${schema.maxLength} characters`;
    case ValueErrorType.StringPattern:
      return schema["x-message"] ?? `must match ${schema.pattern}`;
    case ValueErrorType.StringFormat:
      return "must be a time such as 2026-11-21T10:00:00Z";
    case ValueErrorType.ObjectMinProperties:
      return "must not be empty";
    case ValueErrorType.Literal:
      return `must be ${JSON.stringify(schema.const)}`;
    default:
      return typeof schema.type === "string"
        ? `must be ${withArticle(schema.type)}${range(schema)}`
        : error.message.toLowerCase();
  }
}

/** The bounds of a number in words: ` from 0 to 3600`. */
function range({ minimum, exclusiveMinimum, maximum }: TSchema): string {
  if (exclusiveMinimum !== undefined)
    return ` above ${exclusiveMinimum}${maximum === undefined ? "" : ` and at most ${maximum}`}`;
  if (minimum === undefined) return maximum === undefined ? "" : ` of at most ${maximum}`;
  return maximum === undefined ? ` of at least ${minimum}` : ` from ${minimum} to ${maximum}`;
}

/** The message for an unknown field, with the most similar known one. */
export function unknownField(path: string, known: readonly string[]): string {
  const key = path.slice(path.lastIndexOf("/") + 1);
  const near = nearest(key, known);
  if (near) return `unknown field; did you mean "${near}"?`;
  // "explain" shows the fields of a kind; those inside a field are few.
  const isInner = path.lastIndexOf("/") > 0 && known.length > 0 && known.length <= mostNamed;
  return isInner ? `unknown field; known are ${known.join(", ")}` : "unknown field";
}

/** The words of a union of literals; empty for any other schema. */
export function literals(schema: TSchema): string[] {
  const variants = (schema.anyOf ?? []) as TSchema[];
  return variants.every((v) => typeof v.const === "string") ? variants.map((v) => v.const as string) : [];
}

function propertiesOf(schema: TSchema): string[] {
  return Object.keys((schema as TObject).properties ?? {});
}

/** JSON pointers of keys that would change a prototype if they were merged into an object (T17), at any depth. */
export function* forbiddenKeys(value: unknown): Generator<string> {
  // Hardly any value has one, and to name all keys of a large one takes long.
  if (hasForbiddenKey(value)) yield* forbiddenKeysIn(value, "");
}

function isForbidden(key: string): boolean {
  return key === "__proto__" || key === "constructor" || key === "prototype";
}

function hasForbiddenKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(hasForbiddenKey);
  return Object.keys(value).some(
    (key) => isForbidden(key) || hasForbiddenKey((value as Record<string, unknown>)[key]),
  );
}

function* forbiddenKeysIn(value: unknown, path: string): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const here = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (isForbidden(key)) yield here;
    yield* forbiddenKeysIn(inner, here);
  }
}
