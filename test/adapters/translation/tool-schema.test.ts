import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { argumentsSchema } from "../../../src/adapters/translation/tool-schema.ts";

const text = { type: "string" };
const number = { type: "number" };

describe("the schema of a tool's arguments (case 178)", () => {
  it.each([
    ["names its properties", { type: "object" }, { type: "object", properties: {} }],
    [
      "has the properties of all choices, and requires what all of them require",
      {
        anyOf: [
          { type: "object", properties: { a: text, b: text }, required: ["a", "b"] },
          { type: "object", properties: { a: text, c: number }, required: ["a"] },
        ],
      },
      { type: "object", properties: { a: text, b: text, c: number }, required: ["a"] },
    ],
    [
      "requires what each part of allOf requires",
      {
        type: "object",
        properties: { a: text },
        required: ["a"],
        allOf: [{ properties: { b: number }, required: ["b"] }],
      },
      { type: "object", properties: { b: number, a: text }, required: ["a", "b"] },
    ],
    [
      "follows references to its definitions",
      { oneOf: [{ $ref: "#/$defs/A" }, { type: "null" }], $defs: { A: { properties: { a: text } } } },
      { type: "object", properties: { a: text }, $defs: { A: { properties: { a: text } } } },
    ],
    [
      "allows either of two properties with one name",
      { oneOf: [{ properties: { a: text } }, { properties: { a: number } }] },
      { type: "object", properties: { a: { anyOf: [text, number] } } },
    ],
  ])("%s", (_name, schema, expected) => {
    expect(argumentsSchema(schema)).toEqual(expected);
  });

  it("stays the same where it is one already", () => {
    const schema = {
      type: "object",
      properties: { a: { anyOf: [text, number] } },
      additionalProperties: false,
    };
    expect(argumentsSchema(schema)).toBe(schema);
  });

  it("is changed for every provider that refuses it", () => {
    const union = { anyOf: [{ type: "object", properties: { a: text } }] };
    const chat = {
      messages: [{ role: "user", content: "x" }],
      tools: [{ type: "function", function: { name: "f", parameters: union } }],
    };
    const messages = { messages: chat.messages, max_tokens: 9, tools: [{ name: "f", input_schema: union }] };
    for (const sent of [
      translationFor("chat", "messages")!.request(chat, "m", {}),
      translationFor("chat", "responses")!.request(chat, "m", {}),
      translationFor("messages", "chat")!.request(messages, "m", {}),
    ])
      expect(JSON.stringify(sent)).not.toContain("anyOf");
  });
});

it("A strict tool whose schema allows other arguments is not strict at OpenAI", () => {
  const tools = [{ name: "f", strict: true, input_schema: { type: "object" } }];
  const body = { messages: [{ role: "user", content: "x" }], max_tokens: 9, tools };
  expect(translationFor("messages", "responses")!.request(body, "m", {})).toMatchObject({
    tools: [{ strict: false }],
  });
});
