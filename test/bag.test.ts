import fc from "fast-check";
import { expect, it } from "vitest";
import { Bag } from "../src/bag.ts";

it("a bag has what was put in and not taken out, in order, as a set does", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(8)), { maxLength: 60 }), (steps) => {
      const bag = new Bag<number>();
      const set = new Set<number>();
      for (const [isAdded, value] of steps) {
        if (!isAdded) expect(bag.delete(value)).toBe(set.delete(value));
        else if (!set.has(value)) {
          bag.add(value);
          set.add(value);
        }
        expect([...bag]).toEqual([...set]);
        expect(bag.size).toBe(set.size);
      }
    }),
  );
});

it("a bag finds and takes out the latest one that a condition holds for", () => {
  const bag = new Bag<{ id: number; name: string }>();
  for (const [id, name] of ["a", "b", "a"].entries()) bag.add({ id, name });
  expect(bag.find(({ name }) => name === "a")?.id).toBe(2);
  expect(bag.deleteWhere(({ name }) => name === "a")).toBe(true);
  expect(bag.deleteWhere(({ name }) => name === "c")).toBe(false);
  expect([...bag].map(({ id }) => id)).toEqual([0, 1]);
});

it("a bag may change while somebody goes through it", () => {
  const bag = new Bag<number>();
  for (const one of [1, 2, 3]) bag.add(one);
  const seen: number[] = [];
  for (const one of bag) {
    seen.push(one);
    bag.delete(one);
    bag.add(one + 10);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect([...bag]).toEqual([11, 12, 13]);
});
