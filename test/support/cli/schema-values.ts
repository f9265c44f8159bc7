import type { TSchema } from "@sinclair/typebox";
import fc from "fast-check";

/** Text that a format may get wrong: words with a meaning, line breaks, quotes, control characters, all of Unicode. */
const text = fc.oneof(
  fc.constantFrom(
    "no",
    "null",
    "~",
    "012",
    "1e3",
    "true",
    "- a",
    "a: b",
    "# x",
    "|",
    "a\nb\n",
    "\n",
    "  x\n\n",
    "a\r\nb",
    "2026-01-01",
  ),
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);

/** Texts of which each pattern of a schema takes at least one. */
const formal = ["a", "a-1", "A_1", "/a/b", "https://a.example/b", "npm:a@1.2.3", "p/s:a://b", "10.0.0.0/8"];

function matching(pattern: RegExp): string[] {
  const found = formal.filter((one) => pattern.test(one));
  if (found.length === 0) throw new Error(`no text for ${pattern} is known here`);
  return found;
}

/** Random values of a descriptor's schema. Optional fields are sometimes left out. */
export function valuesOf(schema: TSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf) return fc.oneof(...(schema.anyOf as TSchema[]).map(valuesOf));
  if (schema.type === "null") return fc.constant(null);
  if (schema.type === "boolean") return fc.boolean();
  if (schema.type === "integer") return fc.integer({ min: schema.minimum, max: schema.maximum });
  if (schema.type === "number")
    return fc.double({
      min: schema.exclusiveMinimum ?? schema.minimum,
      minExcluded: schema.exclusiveMinimum !== undefined,
      max: schema.maximum,
      noNaN: true,
    });
  if (schema.format === "date-time") return fc.constant("2027-01-31T12:00:00.000Z");
  if (schema.pattern) return fc.constantFrom(...matching(new RegExp(schema.pattern, "u")));
  if (schema.type === "string") return text.filter(({ length }) => length >= (schema.minLength ?? 0));
  if (schema.type === "array")
    return fc.uniqueArray(valuesOf(schema.items), {
      maxLength: 3,
      selector: (value) => JSON.stringify(value),
    });
  if (schema.patternProperties) {
    const value = valuesOf(Object.values(schema.patternProperties)[0] as TSchema);
    return fc.dictionary(fc.oneof(fc.stringMatching(/^[a-z0-9]{1,8}$/), text), value, { maxKeys: 3 });
  }
  if (schema.properties) {
    const fields = Object.entries(schema.properties as Record<string, TSchema>);
    const model = Object.fromEntries(fields.map(([field, inner]) => [field, valuesOf(inner)]));
    return fc.record(model, { requiredKeys: (schema.required as string[]) ?? [] });
  }
  return fc.jsonValue({ maxDepth: 2 });
}
