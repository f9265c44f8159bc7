import { describe, expect, it } from "vitest";
import { jsonPath, valuesAt } from "../../../src/cli/output/jsonpath.ts";

const llms = [
  { name: "claude", type: "anthropic", limits: { rps: 5 }, tags: ["a", "b", "c"], "odd.key": 1, on: true },
  { name: "qwen", type: "vllm", limits: { rps: 10 }, tags: [], on: false, none: null },
];
const one = { a: { b: ["x", "y"] }, items: "mine" };

describe("jsonpath in kubectl's form", () => {
  it.each([
    ["{.a.b[0]}", one, "x"],
    ["{$.a.b[-1]}", one, "y"],
    [".a.b[1]", one, "y"],
    ["a.b[*]", one, "x y"],
    ["{.a}", one, '{"b":["x","y"]}'],
    ["{['a']['b'][0]}", one, "x"],
    ["{.a.b[0,1]}", one, "x y"],
    ["{.nothing.here}", one, ""],
    ["{.items}", one, "mine"],
    ["name: {.a.b[0]}!", one, "name: x!"],
    ["{[*].name}", llms, "claude qwen"],
    ["{.items[*].name}", llms, "claude qwen"],
    ["{[0].tags[0:2]}", llms, "a b"],
    ["{[0].tags[1:]}", llms, "b c"],
    ["{[0].odd\\.key}", llms, "1"],
    ["{..rps}", llms, "5 10"],
    ["{[0].limits.*}", llms, "5"],
    ['{[?(@.type=="vllm")].name}', llms, "qwen"],
    ["{[?(@.type!='vllm')].name}", llms, "claude"],
    ["{[?(@.limits.rps>5)].name}", llms, "qwen"],
    ["{[?(@.limits.rps<=5)].name}", llms, "claude"],
    ["{[?(@.on==true)].name}", llms, "claude"],
    ["{[?(@.none)].name}", llms, "qwen"],
    ["{[?(@.none==null)].name}", llms, "qwen"],
    ['{range [*]}{.name}={.type}{"\\n"}{end}', llms, "claude=anthropic\nqwen=vllm\n"],
    ['{range [*]}{.name}:{range .tags[*]}{@}{","}{end};{end}', llms, "claude:a,b,c,;qwen:;"],
    ["{[1].none}", llms, "null"],
    ["{.__proto__}{.constructor}", {}, ""],
  ])("%s", (expression, data, text) => {
    expect(jsonPath(expression)(data)).toBe(text);
  });

  it.each([
    "{.a",
    "{.a[}",
    "{.a[?(@.b=)]}",
    "{range .a}{.b}",
    "{end}",
    "{.a b}",
    "{.a[x]}",
    "{unknown}",
    ".a[1",
  ])("refuses %s", (expression) => {
    expect(() => jsonPath(expression)).toThrow(/^jsonpath /);
  });

  it("reads a single path with or without braces, dots and $", () => {
    for (const path of ["limits.rps", ".limits.rps", "{.limits.rps}", "$.limits.rps"])
      expect(valuesAt(path)(llms[1])).toEqual([10]);
  });
});
