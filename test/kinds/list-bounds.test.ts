import { Type } from "@sinclair/typebox";
import { expect, it } from "vitest";
import { boundFault } from "../../src/kinds/list-bounds.ts";
import { validate } from "../../src/kinds/validate.ts";

const texts = Type.Array(Type.String(), { maxItems: 2, uniqueItems: true });

it.each([
  ["a list", texts, ["a", "b", "c"], { path: "", message: "must have at most 2 elements" }],
  [
    "a list with an element twice",
    texts,
    ["a", "a"],
    { path: "", message: "must not name the same thing twice" },
  ],
  [
    "a list in an object in a list",
    Type.Array(Type.Object({ in: texts })),
    [{ in: ["a"] }, { in: ["a", "b", "c"] }],
    { path: "/1/in", message: "must have at most 2 elements" },
  ],
  [
    "a list in an object with any keys",
    Type.Record(Type.String(), texts),
    { x: ["a", "a"] },
    { path: "/x", message: "must not name the same thing twice" },
  ],
  [
    "an object",
    Type.Record(Type.String(), Type.String(), { maxProperties: 1 }),
    { a: "1", b: "2" },
    { path: "", message: "must have at most 1 keys" },
  ],
  [
    "a list without a limit",
    Type.Array(Type.Null()),
    Array(10_001).fill(null),
    {
      path: "",
      message: "must have at most 10000 elements",
    },
  ],
])("%s with too much is found before TypeBox looks at it (T333)", (_, schema, value, fault) => {
  expect(boundFault(schema, value)).toEqual(fault);
  expect(validate(schema, value)).toEqual([fault]);
});

it("a list is good for a union if it is for one of its variants (T333)", () => {
  const longer = Type.Array(Type.String(), { maxItems: 3 });
  const schema = Type.Union([texts, longer, Type.Null(), Type.Object({})]);
  expect(boundFault(schema, ["a", "b", "c"])).toBeUndefined();
  expect(boundFault(schema, ["a", "b", "c", "d"])).toEqual({
    path: "",
    message: "must have at most 2 elements",
  });
  expect(boundFault(schema, null)).toBeUndefined();
});

it("values of another type are left to TypeBox (T333)", () => {
  for (const value of [1, "x", {}, null, undefined]) expect(boundFault(texts, value)).toBeUndefined();
  expect(boundFault(Type.Object({ a: texts }), ["a", "b", "c"])).toBeUndefined();
  expect(boundFault(Type.Object({ a: texts }), { b: ["a", "b", "c"] })).toBeUndefined();
});

it("no element of a list that is too long is looked at (T333)", () => {
  let looks = 0;
  const items = Array.from({ length: 5000 }, () => ({
    get a() {
      looks++;
      return 1;
    },
  }));
  const schema = Type.Object({ list: Type.Array(Type.Object({ a: Type.String() }), { maxItems: 100 }) });
  expect(validate(schema, { list: items })).toEqual([
    { path: "/list", message: "must have at most 100 elements" },
  ]);
  expect(looks).toBe(0);
});
