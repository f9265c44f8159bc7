import { expect, it } from "vitest";
import { parseDocument } from "yaml";
import { yamlOffset } from "../src/yaml-offset.ts";

const text = 'a: 1\nb:\n  - x\n  - {"c": &here {d: 2}}\n7: n\ne: *here\n';
const root = parseDocument(text).contents;
const at = (...path: (string | number)[]) => text.slice(yamlOffset(root, path)).split("\n")[0];

it("yamlOffset finds keys and elements, also keys that are numbers", () => {
  expect(at("a")).toBe("a: 1");
  expect(at("b", 0)).toBe("x");
  expect(at("b", "1", "c", "d")).toBe("d: 2}}");
  expect(at(7)).toBe("7: n");
});

it("yamlOffset finds the nearest node around what is not there, and does not follow an alias", () => {
  expect(at()).toBe("a: 1");
  expect(at("none")).toBe("a: 1");
  expect(at("b", 5)).toMatch(/^b:/);
  expect(at("a", "x")).toBe("a: 1");
  expect(at("e", "d")).toBe("e: *here");
  expect(yamlOffset(null, ["a"])).toBe(0);
});
