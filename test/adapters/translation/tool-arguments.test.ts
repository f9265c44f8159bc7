import { expect, it } from "vitest";
import { toolInput } from "../../../src/adapters/translation/tool-arguments.ts";

it.each([
  [undefined, {}],
  [null, {}],
  ["", {}],
  [" \n", {}],
  ["{}", {}],
  ['{"a":1}', { a: 1 }],
  [{ a: 1 }, { a: 1 }],
  ["[1]", { arguments: [1] }],
  ["5", { arguments: 5 }],
  ["null", { arguments: null }],
  ["{bad", { arguments: "{bad" }],
  [7, { arguments: 7 }],
])("toolInput makes an object of the arguments %j", (args, input) => {
  expect(toolInput(args)).toEqual(input);
});

it("toolInput keeps the digits of long integers (case 11)", () => {
  expect(JSON.stringify(toolInput('{"id":12345678901234567890}'))).toBe('{"id":12345678901234567890}');
});
