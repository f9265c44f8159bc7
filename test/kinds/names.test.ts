import { describe, expect, it } from "vitest";
import { isId, isName, nearest } from "../../src/kinds/names.ts";
import { newId } from "../../src/server/core/ids.ts";

describe("isName", () => {
  it.each(["a", "0", "a-b", "claude-sonnet-5", "a--b", "x".repeat(100)])("is true for %s", (text) => {
    expect(isName(text)).toBe(true);
  });

  it.each([
    "",
    "-a",
    "a-",
    "-",
    "A",
    "a_b",
    "a.b",
    "a b",
    "a\n",
    "\na",
    "a/b",
    "..",
    "x".repeat(101),
    "K", // the Kelvin sign, which lower-cases to k
    "а", // a Cyrillic a
    "é",
    "a‍b", // a zero-width joiner
    "‮a",
  ])("is false for %j (T38, T39)", (text) => {
    expect(isName(text)).toBe(false);
  });
});

describe("isId", () => {
  it("is false for every name, and isName is false for every id (T43)", () => {
    const id = newId("llm", Date.parse("2026-11-21"));
    expect([isId(id), isName(id)]).toEqual([true, false]);
    for (const text of [
      "llm",
      "llm_",
      `${id}0`,
      id.slice(0, -1),
      id.toUpperCase(),
      id.replace("_", "-"),
      `x${id}`,
    ]) {
      expect(isId(text), text).toBe(false);
    }
  });
});

describe("nearest", () => {
  const words = ["name", "model", "url", "tier", "description", "apiKeyRef", "visibility"];
  it.each([
    ["desciption", "description"],
    ["modle", "model"],
    ["modell", "model"],
    ["URL", "url"],
    ["apikeyref", "apiKeyRef"],
    ["visiblity", "visibility"],
    ["api_key_ref", "apiKeyRef"],
    ["key", undefined],
    ["x", undefined],
    ["", undefined],
    ["temperature", undefined],
  ])("returns for %j the word %j", (word, near) => {
    expect(nearest(word, words)).toBe(near);
  });

  it("returns undefined without words", () => {
    expect(nearest("model", [])).toBeUndefined();
  });

  it("compares a word with some of very many, whatever they are (T329)", () => {
    let looked = 0;
    const many = function* () {
      for (; looked < 30_000; looked++) yield "x".repeat(90);
    };
    expect(nearest("y".repeat(90), many())).toBeUndefined();
    expect(looked).toBeLessThan(200);
  });

  it("returns the first of two equally similar words", () => {
    expect(nearest("tier", ["tied", "tire"])).toBe("tied");
  });
});
