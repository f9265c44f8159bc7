import { describe, expect, it } from "vitest";
import { age, cell } from "../../../src/cli/output/cells.ts";

const now = Date.parse("2026-11-21T12:00:00Z");

describe("a cell", () => {
  it.each([
    [{ path: "a.b" }, { a: { b: 1 } }, "1"],
    [{ path: "a.b" }, { a: null }, "-"],
    [{ path: "a" }, { a: "" }, "-"],
    [{ path: "a" }, { a: false }, "false"],
    [{ path: "a" }, { a: [] }, "-"],
    [{ path: "a" }, { a: ["x", "y"] }, "x,y"],
    [{ path: "a" }, { a: {} }, "-"],
    [{ path: "constructor.name" }, {}, "-"],
    [{ template: "s://{a.b}/{c}" }, { a: { b: "x" }, c: "y" }, "s://x/y"],
    [{ template: "s://{a.b}/{c}" }, { a: { b: "x" } }, "-"],
    [{ template: "{a}" }, { a: "$& {b}" }, "$& {b}"],
    [{ path: "a", each: "{k}:{n}" }, { a: [{ k: "U", n: "x" }, { k: "G" }] }, "U:x,G"],
    [{ path: "a", each: "{k}" }, { a: [] }, "-"],
    [{ path: "a", format: "age" as const }, { a: null }, "-"],
    [{ path: "a", format: "age" as const }, { a: "never" }, "never"],
  ])("%j of %j is %s", (column, object, text) => {
    expect(cell({ header: "H", ...column }, object, now)).toBe(text);
  });

  it.each([
    ["2026-11-21T12:00:00Z", "0s ago"],
    ["2026-11-21T11:58:01Z", "119s ago"],
    ["2026-11-21T11:58:00Z", "2m ago"],
    ["2026-11-21T09:59:00Z", "2h ago"],
    ["2026-11-18T12:00:00Z", "3d ago"],
    ["2026-11-21T12:05:00Z", "in 5m"],
  ])("%s is %s", (time, text) => {
    expect(age(time, now)).toBe(text);
  });
});
