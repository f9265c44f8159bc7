import { expect, it } from "vitest";
import { headerFault } from "../../src/wire/header-value.ts";

it.each([
  ["sk-\u200bkey", "character 4 of 7 is a zero-width space"],
  ["\ufeffsk-key", "character 1 of 7 is a byte order mark"],
  ["sk-key ", "character 7 of 7 is a space"],
  [" sk-key", "character 1 of 7 is a space"],
  ["sk\r\nx: y", "character 3 of 8 is a line break"],
  ["sk\0", "character 3 of 3 is a NUL"],
  ["sk\u007f", "character 3 of 3 is a control character"],
  ["schlüssel", "character 5 of 9 is a character that is not ASCII"],
  ["sk-\u00a0key", "character 4 of 7 is a no-break space"],
])("headerFault names the place in %j", (value, start) => {
  expect(headerFault(value)).toBe(`${start}, which cannot be sent in a header`);
});

it("headerFault lets printable ASCII through, spaces inside included", () => {
  for (const value of ["sk-proj_0123/+=~", "Basic abc", "!~"]) expect(headerFault(value)).toBeUndefined();
});
