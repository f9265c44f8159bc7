import { describe, expect, it } from "vitest";
import { usableResult } from "../../../src/mcp/usable/result.ts";

const text = (one: string) => ({ type: "text", text: one });

describe("the result of a tool", () => {
  it.each([
    [{}, { content: [] }],
    [
      { content: null, structuredContent: { a: 1 } },
      { content: [], structuredContent: { a: 1 } },
    ],
    [{ content: "hello" }, { content: [text("hello")] }],
    [{ content: text("x") }, { content: [text("x")] }],
    [{ content: [{ text: "x" }] }, { content: [text("x")] }],
    [{ content: ["x", 5, null, { a: 1 }] }, { content: [text("x"), text("5"), text('{"a":1}')] }],
    [
      {
        content: [
          { type: "text", text: null },
          { type: "text", text: { a: 1 } },
        ],
      },
      { content: [text(""), text('{"a":1}')] },
    ],
    [
      { content: [], isError: "true" },
      { content: [], isError: true },
    ],
    [{ content: [], isError: null, _meta: null, structuredContent: null }, { content: [] }],
  ])("%j becomes %j", (given, usable) => {
    expect(usableResult("tools/call", given, "t")).toEqual(usable);
  });

  it("stays the same object if clients can read it, also what they may not know yet", () => {
    for (const result of [
      { content: [text("x"), { type: "hologram", x: null }], structuredContent: [null], own: null },
      { content: [], structuredContent: 0, isError: false, _meta: {} },
      { resultType: "input_required", inputRequests: {} },
      { resultType: "task", taskId: "1" },
    ])
      expect(usableResult("tools/call", result, "t")).toBe(result);
  });
});

it("results of prompts and resources have what clients need", () => {
  expect(
    usableResult("prompts/get", { description: null, messages: [{ content: "hi" }, "you"] }, "p"),
  ).toEqual({
    messages: [
      { role: "user", content: text("hi") },
      { role: "user", content: text("you") },
    ],
  });
  const contents = [
    { text: { a: 1 }, mimeType: null },
    { uri: "test://b", blob: "AA==" },
  ];
  expect(usableResult("resources/read", { contents }, "test://a")).toEqual({
    contents: [{ uri: "test://a", text: '{"a":1}' }, contents[1]],
  });
  expect(usableResult("resources/read", { contents: { uri: "test://a", text: "x" } }, "test://a")).toEqual({
    contents: [{ uri: "test://a", text: "x" }],
  });
});

it("other results are nobody's business", () => {
  const result = { tools: null };
  expect(usableResult("tools/list", result, "")).toBe(result);
});
