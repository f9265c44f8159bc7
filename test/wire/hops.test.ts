import { expect, it } from "vitest";
import { hopsIn, nextHop } from "../../src/wire/hops.ts";

it("hopsIn reads a small number, and takes anything else for too many", () => {
  expect([hopsIn(null), hopsIn(undefined), hopsIn("0"), hopsIn("7")]).toEqual([0, 0, 0, 7]);
  for (const text of ["", "-1", "1,1", "1e3", "abc", "99999"]) expect(hopsIn(text), text).toBe(Infinity);
});

it("nextHop counts to eight, and then refuses", () => {
  expect([nextHop(0), nextHop(7)]).toEqual([1, 8]);
  for (const passed of [8, Infinity, Number.NaN]) expect(() => nextHop(passed)).toThrow(/goes no further/);
});
