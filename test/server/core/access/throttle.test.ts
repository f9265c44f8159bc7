import { expect, it } from "vitest";
import { Throttle } from "../../../../src/server/core/access/throttle.ts";

const minute = 60_000;

it("a key waits after five failures, until the first of them is a minute old", () => {
  let now = 0;
  const throttle = new Throttle(() => now);
  for (let failure = 0; failure < 5; failure++, now += 1000) expect(throttle.attempt("user alice")).toBe(0);
  expect(throttle.attempt("user alice")).toBe(55);
  expect(throttle.attempt("user bob")).toBe(0);
  now = minute;
  expect(throttle.attempt("user alice")).toBe(0);
  expect(throttle.attempt("user alice")).toBe(1);
});

it("an attempt counts for each of its keys, and for none while one of them has to wait", () => {
  const throttle = new Throttle(() => 0);
  for (const name of ["a", "b", "c", "d", "e"]) expect(throttle.attempt(`user ${name}`, "address 1")).toBe(0);
  expect(throttle.attempt("user f", "address 1")).toBe(60);
  for (let failure = 0; failure < 5; failure++) expect(throttle.attempt("user f", "address 2")).toBe(0);
  expect(throttle.attempt("user f", "address 3")).toBe(60);
});

it("a success does not count", () => {
  const throttle = new Throttle(() => 0);
  for (let login = 0; login < 20; login++) {
    expect(throttle.attempt("user alice", "address 1")).toBe(0);
    throttle.forgive("user alice", "address 1");
  }
});

it("the memory of a throttle is bounded, whatever names and addresses come (T68)", () => {
  const throttle = new Throttle(() => 0);
  const first = ["user first", "address first"] as const;
  for (let failure = 0; failure < 5; failure++) throttle.attempt(...first);
  expect(throttle.attempt(...first)).toBe(60);
  for (let i = 0; i < 6000; i++) throttle.attempt(`user ${i}`, `address ${i}`);
  // The quietest keys were forgotten, and both at a time: one for one would let it grow.
  expect(throttle.attempt("user first")).toBe(0);
  expect(throttle.attempt("address first")).toBe(0);
  for (let i = 0; i < 5; i++) expect(throttle.attempt("user 700")).toBe(0);
  for (let i = 1; i < 5; i++) expect(throttle.attempt("user 5999")).toBe(0);
  expect(throttle.attempt("user 5999")).toBe(60);
});
