import type { TObject, TSchema } from "@sinclair/typebox";
import { describe, expect, it } from "vitest";
import { grantable, grantText } from "../../src/kinds/grants.ts";
import { findKind, kindOf, kinds, kindWords } from "../../src/kinds/index.ts";
import { isName } from "../../src/kinds/names.ts";
import { validateFields } from "../../src/kinds/validate.ts";

describe.each(kinds.map((kind) => [kind.kind, kind] as const))("%s", (_, kind) => {
  const properties = { ...kind.fields.properties, ...kind.readOnly.properties };

  it("has a description for every field, nested ones included", () => {
    for (const [field, schema] of Object.entries(properties)) {
      expect(schema["description"], field).toMatch(/^\S.*\S$/);
      for (const [path, inner] of objectsIn(schema, field))
        for (const [name, part] of Object.entries(inner.properties))
          if (!("const" in part)) expect(part["description"], `${path}.${name}`).toMatch(/^\S.*\S$/);
    }
    expect(kind.summary).toMatch(/\.$/);
  });

  it("refuses unknown fields at any depth", () => {
    expect(kind.fields.additionalProperties).toBe(false);
    for (const [field, schema] of Object.entries(kind.fields.properties)) {
      for (const [path, inner] of objectsIn(schema, field))
        expect(inner.additionalProperties, path).toBe(false);
    }
  });

  it("has each field once, and names only fields that it has", () => {
    const own = Object.keys(kind.fields.properties);
    expect(Object.keys(kind.readOnly.properties).filter((field) => own.includes(field))).toEqual([]);
    for (const field of [...kind.immutable, ...kind.writeOnly]) expect(own).toContain(field);
    for (const field of [...kind.exported, ...kind.volatile])
      expect(Object.keys(kind.readOnly.properties)).toContain(field);
    if (kind.scopedBy) expect(own).toContain(kind.scopedBy);
    expect("visibility" in kind.fields.properties).toBe(kind.visible);
    for (const { field } of Object.values(kind.flags)) expect(own).toContain(field.split(".")[0]);
  });

  it("has columns for its own fields, the name first", () => {
    expect(kind.columns[0]).toEqual({ header: "NAME", path: "name" });
    const known = ["id", "name", "version", "createdAt", "updatedAt", ...Object.keys(properties)];
    for (const { header, path, template } of kind.columns) {
      expect(header).toMatch(/^[A-Z-]+$/);
      const paths = template ? [...template.matchAll(/\{([^}]+)\}/g)].map(([, inner]) => inner!) : [path!];
      for (const one of paths) expect(known, header).toContain(one.split(".")[0]);
      for (const one of paths) expect(kind.writeOnly, header).not.toContain(one.split(".")[0]);
    }
    expect(new Set(kind.columns.map(({ header }) => header)).size).toBe(kind.columns.length);
  });

  it("has a valid example, and references to known kinds", () => {
    const { name, ...given } = kind.example;
    expect(isName(name)).toBe(true);
    const { fields, faults } = validateFields(kind, given);
    expect(faults).toEqual([]);
    for (const reference of kind.references(fields)) {
      expect(kindOf(reference.kind)).toBeDefined();
      expect(reference.path.split("/")[1]).toBeOneOf(Object.keys(kind.fields.properties));
    }
  });

  it("has its own names and id prefix, and can be granted", () => {
    expect(kind.idPrefix).toMatch(/^[a-z]{3}$/);
    expect(kinds.filter((other) => other.idPrefix === kind.idPrefix)).toHaveLength(1);
    for (const word of [kind.kind, kind.plural, ...kind.short, kind.plural.toUpperCase()])
      expect(findKind(word)).toBe(kind);
    // Rows that are parts of others have the rights of those.
    if (kind.partOf === undefined) expect(grantable).toContain(kind.plural);
    else expect([kind.scopedBy, grantable.includes(kind.plural as never)]).toEqual([kind.partOf, false]);
  });
});

it("lists the kinds in the order in which apply creates them", () => {
  const orders = kinds.map((kind) => kind.order);
  expect(orders).toEqual(orders.toSorted((a, b) => a - b));
  expect(new Set(orders).size).toBe(orders.length);
  // A kind comes after the kinds that it refers to.
  for (const kind of kinds) {
    for (const { kind: target } of kind.references(validateFields(kind, kind.example).fields))
      expect(kindOf(target).order).toBeLessThan(kind.order);
  }
});

it("findKind returns undefined for a word that names no kind", () => {
  for (const word of ["", "model", "constructor", "llm/", "__proto__"])
    expect(findKind(word)).toBeUndefined();
  expect(() => kindOf("nothing")).toThrow("no kind nothing");
  expect(kindWords()).toContain("sb");
});

it("grantText prints role, resource and name", () => {
  expect(grantText({ role: "view", resource: "llms" })).toBe("view:llms");
  expect(grantText({ role: "run", resource: "llms", name: "claude" })).toBe("run:llms:claude");
  expect(grantText({ role: "run", action: "migrate-secrets" })).toBe("run:migrate-secrets");
});

/** Every object schema inside a schema that lists its fields, with its path. */
function* objectsIn(schema: TSchema, path: string): Generator<[path: string, schema: TObject]> {
  if (schema["properties"]) yield [path, schema as TObject];
  for (const inner of [
    ...((schema["anyOf"] ?? []) as TSchema[]),
    ...(schema["items"] ? [schema["items"] as TSchema] : []),
  ]) {
    yield* objectsIn(inner, path);
  }
}
