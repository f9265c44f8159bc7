import { expect, it } from "vitest";
import { circlesIn, twoWayFolders } from "./import-graph.ts";

it("finds each circle once, and nothing else", () => {
  const graph = new Map([
    ["a", ["b", "x"]],
    ["b", ["c"]],
    ["c", ["a"]],
    ["d", ["a", "e"]],
    ["e", ["f", "x"]],
    ["f", ["e"]],
    ["x", []],
  ]);
  expect(circlesIn(graph)).toEqual([
    ["a", "b", "c"],
    ["e", "f"],
  ]);
  expect(circlesIn(new Map([["a", ["b"]]]))).toEqual([]);
});

it("finds folders that import each other, but for a folder and one in it", () => {
  const graph = new Map([
    ["src/a/one.ts", ["src/b/one.ts", "src/a/inner/one.ts"]],
    ["src/a/inner/one.ts", ["src/a/two.ts"]],
    ["src/b/two.ts", ["src/a/two.ts", "src/c/one.ts"]],
    ["src/a/two.ts", []],
  ]);
  expect(twoWayFolders(graph)).toEqual(["src/a ↔ src/b"]);
});
