import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fieldsOf, readForm } from "../../../../src/cli/cmd/console/form.ts";
import { expanded } from "../../../../src/cli/cmd/console/resources-tab.ts";

const schema = {
  type: "object",
  properties: {
    text: { type: "string" },
    count: { type: "integer", default: 3 },
    ratio: { type: ["number", "null"] },
    on: { type: "boolean" },
    unit: { enum: ["m", 5, null] },
    only: { const: "v1" },
    tags: { type: "array", items: { type: "string" } },
    any: { anyOf: [{ type: "string" }, { type: "number" }] },
  },
  required: ["only", "count"],
};

const read = (texts: Record<string, string>) => readForm(fieldsOf(schema), new Map(Object.entries(texts)));

describe("a form of a schema", () => {
  it("has a field for each property, the required ones first", () => {
    const fields = fieldsOf(schema).map(({ name, type, isRequired, initial }) => [
      name,
      type,
      isRequired,
      initial,
    ]);
    expect(fields).toEqual([
      ["count", "integer", true, ""],
      ["only", "choice", true, "v1"],
      ["text", "text", false, ""],
      ["ratio", "number", false, ""],
      ["on", "boolean", false, ""],
      ["unit", "choice", false, ""],
      ["tags", "texts", false, ""],
      ["any", "json", false, ""],
    ]);
  });

  it("makes values of texts, and leaves empty fields out", () => {
    const texts = {
      only: "v1",
      count: "4",
      text: '""',
      ratio: "-1.5",
      on: "false",
      unit: "5",
      tags: "a, b",
      any: "[1]",
    };
    expect(read(texts).values).toEqual({
      only: "v1",
      count: 4,
      text: "",
      ratio: -1.5,
      on: false,
      unit: 5,
      tags: ["a", "b"],
      any: [1],
    });
    expect(read({ only: "v1", count: "4", unit: "null", tags: '["a,b"]' }).values).toEqual({
      only: "v1",
      count: 4,
      unit: null,
      tags: ["a,b"],
    });
  });

  it("says what is wrong with each text", () => {
    const { faults } = read({ only: "v2", count: "4.5", ratio: "x", on: "yes", any: "{", tags: "[" });
    expect(Object.fromEntries(faults!)).toEqual({
      only: "must be one of v1",
      count: "must be a whole number",
      ratio: "must be a number",
      on: "must be true or false",
      any: 'must be JSON, such as {"a": 1}, [1, 2] or "text"',
      tags: 'must be JSON, such as {"a": 1}, [1, 2] or "text"',
    });
    expect(read({}).faults!.get("count")).toContain("required");
  });

  it("takes any schema, and never a field that it does not have", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (any, text) => {
        const fields = fieldsOf(any);
        const { values = {} } = readForm(fields, new Map([["zzz", text]]));
        expect(Object.keys(values)).not.toContain("zzz");
      }),
    );
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`p${i}`, {}]));
    expect(fieldsOf({ properties: many })).toHaveLength(200);
    const own = JSON.parse('{"properties": {"__proto__": {"type": "string"}}}');
    const { values } = readForm(fieldsOf(own), new Map([["__proto__", "x"]]));
    expect(Object.entries(values!)).toEqual([["__proto__", "x"]]);
  });
});

it("templates of resources are filled in as RFC 6570 says", () => {
  const values = { path: "a/b c", q: "x&y", n: "1" };
  expect(expanded("file:///{+path}", values)).toBe("file:///a/b%20c");
  expect(expanded("db://{n}/{path}{?q,n}", values)).toBe("db://1/a%2Fb%20c?q=x%26y&n=1");
  expect(expanded("x{/n,q}{#path}{.n}{;n}{&n}", values)).toBe("x/1/x%26y#a/b%20c.1;n=1&n=1");
});
