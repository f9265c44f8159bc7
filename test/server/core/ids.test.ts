import { expect, it } from "vitest";
import { isId } from "../../../src/kinds/names.ts";
import { base32, newId } from "../../../src/server/core/ids.ts";

it("ids sort by the time they were made", () => {
  const times = [0, 1, 31, 32, Date.parse("2026-11-21"), Date.parse("2100-01-01"), 2 ** 48 - 1];
  const ids = times.map((time) => newId("llm", time));
  expect(ids.toSorted()).toEqual(ids);
  for (const id of ids) expect(isId(id), id).toBe(true);
});

it("ids of one millisecond differ", () => {
  expect(new Set(Array.from({ length: 10_000 }, () => newId("llm", 1))).size).toBe(10_000);
});

it("base32 encodes bytes in Crockford's base32", () => {
  expect(base32(new Uint8Array([]))).toBe("");
  expect(base32(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff]))).toBe("zzzzzzzz");
  expect(base32(new TextEncoder().encode("foobar"))).toBe("csqpyrk1e8");
});
