import { expect, it } from "vitest";
import { toolInput, validArguments } from "../../../src/adapters/translation/tool-arguments.ts";

it.each([
  [undefined, {}],
  [null, {}],
  ["", {}],
  [" \n", {}],
  ["{}", {}],
  ['{"a":1}', { a: 1 }],
  [{ a: 1 }, { a: 1 }],
  ["[1]", { INVALID_JSON: "[1]" }],
  ["5", { INVALID_JSON: "5" }],
  ["null", { INVALID_JSON: "null" }],
  ["{bad", { INVALID_JSON: "{bad" }],
  [7, { INVALID_JSON: "7" }],
  ["{'a': 1}", { INVALID_JSON: "{'a': 1}" }],
  ['{"a":1} and {"b":2}', { INVALID_JSON: '{"a":1} and {"b":2}' }],
])("toolInput makes an object of the arguments %j", (args, input) => {
  expect(toolInput(args)).toEqual(input);
});

it("toolInput keeps the digits of long integers (case 11)", () => {
  expect(JSON.stringify(toolInput('{"id":12345678901234567890}'))).toBe('{"id":12345678901234567890}');
});

it.each([
  ["a text of an object", JSON.stringify('{"path":"a"}')],
  ["a fence of Markdown", '```json\n{"path":"a"}\n```'],
  ["a token of the chat template", '{"path":"a"}<|im_end|>'],
  ["a tag of the chat template", '{"path":"a"}\n</tool_call>'],
])("toolInput reads through %s (case 171)", (_name, args) => {
  expect(toolInput(args)).toEqual({ path: "a" });
});

it("toolInput takes line breaks in strings as they are meant (case 171)", () => {
  expect(toolInput('{"text":"one\ntwo\t\\"three\\""}')).toEqual({ text: 'one\ntwo\t"three"' });
});

it("toolInput keeps long invalid arguments, and finds them in linear time", () => {
  const args = `{"a":"${'\\"'.repeat(200_000)}`;
  expect(toolInput(args)).toEqual({ INVALID_JSON: args });
});

it.each([
  ['{ "a" : 1 }', '{ "a" : 1 }'],
  ["", "{}"],
  ["{bad", '{"INVALID_JSON":"{bad"}'],
])("validArguments of %j are valid, and the same where they were", (args, valid) => {
  expect(validArguments(args)).toBe(valid);
});
