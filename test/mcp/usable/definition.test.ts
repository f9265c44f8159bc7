import { describe, expect, it } from "vitest";
import { usableDefinition } from "../../../src/mcp/usable/definition.ts";
import { schemaObject } from "../../../src/mcp/usable/schema.ts";

const object = { type: "object" };

describe("a schema that is no JSON Schema of 2020-12", () => {
  it.each([
    [{ type: "int" }, {}],
    [{ type: ["string", "int", "string"] }, { type: ["string"] }],
    [{ type: "object", properties: null, required: "a" }, object],
    [
      { type: "object", properties: { a: true, b: false, c: null } },
      { ...object, properties: { a: {}, b: { not: {} }, c: {} } },
    ],
    [{ required: ["a", 5, "a"] }, { required: ["a"] }],
    [{ minimum: 0, exclusiveMinimum: true }, { exclusiveMinimum: 0 }],
    [{ minimum: 0, exclusiveMinimum: false }, { minimum: 0 }],
    [
      { items: [{ type: "string" }], additionalItems: false },
      { prefixItems: [{ type: "string" }], items: false },
    ],
    [{ anyOf: [], enum: [], minLength: -1, multipleOf: 0, maxItems: "3" }, {}],
    [{ allOf: [{ type: "float" }, null, { type: "string" }] }, { allOf: [{}, { type: "string" }] }],
    [{ pattern: "(?i)a(", description: null, title: 5 }, {}],
    [{ $defs: { a: { properties: { b: { type: "any" } } } } }, { $defs: { a: { properties: { b: {} } } } }],
  ])("%j becomes %j", (given, usable) => {
    expect(schemaObject(given)).toEqual(usable);
  });

  it("stays the same object if it is one, with keywords that are not known", () => {
    const schema = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: ["object", "null"],
      properties: {
        a: { type: "string", pattern: "^\\p{L}+$", "x-own": { any: null } },
        constructor: { const: null },
      },
      patternProperties: { "^x": { $ref: "#/$defs/b" } },
      additionalProperties: false,
      $defs: { b: { anyOf: [true, { type: "integer", exclusiveMinimum: 0, default: null }] } },
      required: ["a"],
    };
    expect(schemaObject(schema)).toBe(schema);
  });

  it("is not there if it is no object", () => {
    for (const one of [null, 5, "x", [object]]) expect(schemaObject(one)).toBeUndefined();
  });

  it("keeps a property of any name, and changes no prototype", () => {
    const schema = JSON.parse('{"properties":{"__proto__":{"type":"int"},"b":{"type":"int"}}}');
    expect(JSON.stringify(schemaObject(schema))).toBe('{"properties":{"__proto__":{},"b":{}}}');
    expect(({} as Record<string, unknown>)["type"]).toBeUndefined();
  });
});

describe("the definition of a tool", () => {
  it.each([undefined, null, {}, { properties: {} }, { type: ["object", "null"] }])(
    "without arguments may have the schema %j",
    (inputSchema) => {
      const usable = usableDefinition("tools", {
        name: "a",
        ...(inputSchema !== undefined && { inputSchema }),
      });
      expect(usable).toMatchObject({ name: "a", inputSchema: { type: "object" } });
    },
  );

  it("loses fields that have another type than clients expect, and keeps all else", () => {
    const usable = usableDefinition("tools", {
      name: "a",
      title: 5,
      description: null,
      inputSchema: object,
      outputSchema: null,
      annotations: { readOnlyHint: "yes", title: "A", own: null },
      icons: [{ src: "https://x/a.png" }, { mimeType: "x" }],
      _meta: null,
      own: null,
    });
    expect(usable).toEqual({
      name: "a",
      inputSchema: object,
      annotations: { title: "A", own: null },
      icons: [{ src: "https://x/a.png" }],
      own: null,
    });
  });

  it("is the same object if nothing is wrong with it", () => {
    const tool = {
      name: "a",
      title: "A",
      inputSchema: object,
      outputSchema: { type: "array" },
      _meta: { a: 1 },
    };
    expect(usableDefinition("tools", tool)).toBe(tool);
  });

  it("keeps a schema that is not of an object, which is a fault", () => {
    const tool = { name: "a", inputSchema: { type: "string" } };
    expect(usableDefinition("tools", tool)).toBe(tool);
  });
});

it("definitions of prompts and resources lose what no client can read", () => {
  const prompt = { name: "a", arguments: [{ name: "x", required: "yes" }, { title: "no name" }, null] };
  expect(usableDefinition("prompts", prompt)).toEqual({ name: "a", arguments: [{ name: "x" }] });
  expect(usableDefinition("prompts", { name: "a", arguments: null })).toEqual({ name: "a" });
  const resource = { uri: "test://a", name: null, mimeType: null, size: "5", annotations: { priority: "1" } };
  expect(usableDefinition("resources", resource)).toEqual({
    uri: "test://a",
    name: "test://a",
    annotations: {},
  });
});
