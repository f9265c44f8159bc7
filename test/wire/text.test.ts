import { expect, it } from "vitest";
import { jsonText, oneLine } from "../../src/wire/text.ts";

it("oneLine replaces line ends, control and format characters and runs of white space by one space", () => {
  expect(oneLine(" a\r\n\tb \u0000\u001b[2J\u009bc\u202ed\u200b\u2028e\u00a0 ", 100)).toBe("a b [2J c d e");
});

it("oneLine returns at most as many characters as allowed, however long the text is", () => {
  expect(oneLine("x".repeat(5_000_000), 1_000)).toHaveLength(1_000);
  expect(oneLine(`${"\n".repeat(3)}${"y".repeat(10)}`, 5)).toBe("yyyyy");
  expect(oneLine("", 5)).toBe("");
});

it("jsonText escapes DEL and the C1 controls, which move a terminal's cursor, and keeps the value (T42)", () => {
  const value = { a: "x\u007f\u009b31m\u001b[2J\ny" };
  const text = jsonText(value, 0);
  expect(text.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(JSON.parse(text)).toEqual(value);
  expect(jsonText({ a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}\n');
});
