import { expect, it } from "vitest";
import { oncePerObject } from "../../../src/server/core/once-per-object.ts";

it("oncePerObject computes a value once for each object, and not for an equal one", () => {
  const computed: object[] = [];
  const of = oncePerObject((key: { a: number }) => {
    computed.push(key);
    return { double: 2 * key.a };
  });
  const [one, equal] = [{ a: 1 }, { a: 1 }];
  expect(of(one)).toEqual({ double: 2 });
  expect(of(one)).toBe(of(one));
  expect(of(equal)).not.toBe(of(one));
  expect(computed).toEqual([one, equal]);
});

it("oncePerObject remembers nothing of a computation that throws", () => {
  let calls = 0;
  const of = oncePerObject((_: object) => {
    if (calls++ === 0) throw new Error("once");
    return {};
  });
  const key = {};
  expect(() => of(key)).toThrow("once");
  expect(of(key)).toEqual({});
});
