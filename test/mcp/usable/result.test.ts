import { specTypeSchemas } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { keptPromise, usableResult } from "../../../src/mcp/usable/result.ts";

const text = (one: string) => ({ type: "text", text: one });

describe("the result of a tool", () => {
  it.each([
    [{}, { content: [] }],
    [
      { content: null, structuredContent: { a: 1 } },
      { content: [text('{"a":1}')], structuredContent: { a: 1 } },
    ],
    [
      { toolResult: { content: [text("old")] } },
      { content: [text("old")], toolResult: { content: [text("old")] } },
    ],
    [{ toolResult: "old" }, { content: [text("old")], toolResult: "old" }],
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

  it.each([
    [
      { type: "output_text", text: "x", annotations: [] },
      { type: "text", text: "x" },
    ],
    [{ type: "hologram", x: null }, text('{"type":"hologram","x":null}')],
    [{ type: "json", json: { a: [1] } }, text('{"type":"json","json":{"a":[1]}}')],
    [
      { type: "video", data: "AAAA", mimeType: "video/mp4" },
      { type: "resource", resource: { uri: "data:video/mp4", mimeType: "video/mp4", blob: "AAAA" } },
    ],
    [
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAAA" } },
      { type: "image", data: "AAAA", mimeType: "image/jpeg" },
    ],
    [
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      { type: "image", data: "AAAA", mimeType: "image/png" },
    ],
    [
      { type: "image", data: "AAAA" },
      { type: "image", data: "AAAA", mimeType: "image/png" },
    ],
    [
      { type: "file", url: "https://x.test/a" },
      { type: "resource_link", url: "https://x.test/a", uri: "https://x.test/a", name: "https://x.test/a" },
    ],
    [
      { type: "resource_link", uri: "test://a", size: "big" },
      { type: "resource_link", uri: "test://a", name: "test://a" },
    ],
    [
      { type: "resource", resource: { uri: "test://a", mimeType: null } },
      { type: "resource", resource: { uri: "test://a", text: "" } },
    ],
    [{ type: "resource", uri: "no-uri" }, text('{"type":"resource","uri":"no-uri"}')],
  ])("of content %j has %j instead, which clients can read (failure mode 240)", (given, usable) => {
    const result = usableResult("tools/call", { content: [given] }, "t");
    expect(result).toEqual({ content: [usable] });
    expect(specTypeSchemas.CallToolResult["~standard"].validate(result)).not.toHaveProperty("issues");
    const prompt = usableResult("prompts/get", { messages: [{ role: "user", content: given }] }, "p");
    expect(prompt).toEqual({ messages: [{ role: "user", content: usable }] });
  });

  it("shows of long data that no client can read its begin only", () => {
    const { content } = usableResult("tools/call", { content: [{ type: "x", of: "y".repeat(5000) }] }, "t");
    expect((content as { text: string }[])[0]!.text).toMatch(/y… \(5000 characters\)"\}$/);
  });

  it("stays the same object if clients can read it", () => {
    for (const result of [
      {
        content: [text("x"), { type: "image", data: "AA==", mimeType: "image/png", x: null }],
        structuredContent: [null],
        own: null,
      },
      { content: [text("0")], structuredContent: 0, isError: false, _meta: {} },
      { resultType: "input_required", inputRequests: {} },
      { resultType: "task", taskId: "1" },
    ])
      expect(usableResult("tools/call", result, "t")).toBe(result);
  });
});

describe("the result of a tool that has an output schema (failure mode 246)", () => {
  it.each([
    [{ content: [text('{"a":1}')] }, { content: [text('{"a":1}')], structuredContent: { a: 1 } }],
    [
      { content: [text("failed")], isError: true, structuredContent: { error: 1 } },
      { content: [text("failed")], isError: true },
    ],
  ])("%j becomes %j", (given, kept) => expect(keptPromise(given)).toEqual(kept));

  it.each([
    { content: [text("no JSON")] },
    { content: [text("[1]")] },
    { content: [text('{"a":1}'), text("more")] },
    { content: [text('{"a":1}')], structuredContent: { b: 2 } },
    { content: [text("failed")], isError: true },
    { resultType: "input_required" },
  ])("stays the same object: %j", (given) => expect(keptPromise(given)).toBe(given));
});

it("results of prompts and resources have what clients need", () => {
  expect(
    usableResult(
      "prompts/get",
      { description: null, messages: [{ role: "system", content: "hi" }, "you"] },
      "p",
    ),
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
