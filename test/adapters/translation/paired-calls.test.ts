import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { pairedCalls } from "../../../src/adapters/translation/paired-calls.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

const hello = { role: "user", content: "hello" };
const goOn = { role: "user", content: "go on" };
const call = (id: unknown, name = "f") => ({
  id,
  type: "function",
  function: { name, arguments: "{}" },
});
const calls = (...ids: unknown[]) => ({
  role: "assistant",
  content: null,
  tool_calls: ids.map((id) => call(id)),
});
const result = (tool_call_id: unknown, content: unknown = "r") => ({ role: "tool", tool_call_id, content });
const noResult = "[This call has no result.]";
const paired = (...messages: object[]): Whatever[] =>
  pairedCalls(messages.map((message, at) => ({ message: message as Whatever, path: `/${at}` }))).map(
    ({ message }) => message,
  );

describe("the calls of a history and their results (case 155)", () => {
  it.each<[string, object[]]>([
    ["without calls", [hello, { role: "assistant", content: "x" }, goOn]],
    ["whose calls all have one result", [hello, calls("a", "b"), result("b"), result("a"), goOn]],
    ["that ends with its calls", [hello, calls("a")]],
    ["with the same id in two answers", [hello, calls("a"), result("a"), calls("a"), result("a", "2")]],
  ])("stay as they are in one %s", (_name, messages) => {
    const placed = messages.map((message) => ({ message: message as Whatever, path: "" }));
    expect(pairedCalls(placed)).toBe(placed);
  });

  it.each<[string, object[], object[]]>([
    [
      "an interrupted call gets a result",
      [hello, calls("a", "b"), result("b"), goOn],
      [hello, calls("a", "b"), result("b"), result("a", noResult), goOn],
    ],
    [
      "calls that nobody answered, too",
      [hello, calls("a", "b"), goOn],
      [hello, calls("a", "b"), result("a", noResult), result("b", noResult), goOn],
    ],
    [
      "a result that comes late moves to its call",
      [hello, calls("a", "b"), result("a"), goOn, result("b", "late")],
      [hello, calls("a", "b"), result("a"), result("b", "late"), goOn],
    ],
    [
      "a result without a call becomes words",
      [result("gone", "42"), hello],
      [{ role: "user", content: "[Result of an earlier call: 42]" }, hello],
    ],
    [
      "its pictures stay",
      [result("gone", [{ type: "image_url", image_url: { url: "u" } }])],
      [
        {
          role: "user",
          content: [
            { type: "text", text: "[Result of an earlier call:]" },
            { type: "image_url", image_url: { url: "u" } },
          ],
        },
      ],
    ],
    [
      "a second result of one call is joined to the first, the same one is left out",
      [calls("a"), result("a", "1"), result("a", "1"), result("a", "2")],
      [calls("a"), result("a", "1\n\n2")],
    ],
    [
      "calls without ids get some, and their results in their order",
      [hello, calls(null, null), result(null, "1"), result(undefined, "2"), goOn],
      [hello, calls("call_1_0", "call_1_1"), result("call_1_0", "1"), result("call_1_1", "2"), goOn],
    ],
    [
      "the same id twice in one answer has two results",
      [calls("a", "a"), result("a", "1"), result("a", "2"), goOn],
      [calls("a", "a"), result("a", "1"), result("a", "2"), goOn],
    ],
  ])("%s", (_name, messages, expected) => {
    expect(paired(...messages)).toEqual(expected);
    expect(paired(...paired(...messages))).toEqual(expected);
  });

  it("leaves a result without an id where its call has one: nobody knows what it answers (case 7)", () => {
    const messages = [hello, calls("a"), result("a"), result(undefined)];
    expect(paired(...messages)).toEqual(messages);
  });

  it("holds for any history: each call but those at the end has one result, directly behind it", () => {
    const id = fc.constantFrom("a", "b", "c");
    const message = fc.oneof(
      fc.constant(hello),
      fc.array(id, { maxLength: 3 }).map((ids) => calls(...new Set(ids))),
      fc.tuple(id, fc.constantFrom("x", "y")).map(([one, content]) => result(one, content)),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), (messages) => {
        const fixed = paired(...messages);
        for (const [at, { role, tool_calls }] of fixed.entries()) {
          if (role === "tool") continue;
          const behind = fixed.slice(at + 1);
          const end = behind.findIndex(({ role }) => role !== "tool");
          const answered = behind.slice(0, end === -1 ? undefined : end).map((one) => one.tool_call_id);
          const asked = (tool_calls ?? []).map(({ id }: Whatever) => id);
          if (behind.length > 0) expect(answered.toSorted()).toEqual(asked.toSorted());
        }
      }),
    );
  });
});

describe("a broken history, translated (case 155)", () => {
  const use = (id: string) => ({ type: "tool_use", id, name: "f", input: {} });
  const resultBlock = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "r" });
  const sent = (from: Whatever, to: Whatever, body: object): Whatever =>
    translationFor(from, to)!.request({ model: "m", ...body }, "claude-sonnet-4-6", {});

  it("from chat has a result for each call at Anthropic and in responses", () => {
    const messages = [hello, calls("a", "b"), result("a", { ok: true }), result("gone"), goOn];
    const { content } = sent("chat", "messages", { messages }).messages[2];
    expect(content).toEqual([
      { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: '{"ok":true}' }] },
      { type: "tool_result", tool_use_id: "b", content: [{ type: "text", text: noResult }] },
      { type: "text", text: "[Result of an earlier call: r]" },
      { type: "text", text: "go on" },
    ]);
    const { input } = sent("chat", "responses", { messages });
    expect(input.map((item: Whatever) => [item.type, item.call_id])).toEqual([
      ["message", undefined],
      ["function_call", "a"],
      ["function_call", "b"],
      ["function_call_output", "a"],
      ["function_call_output", "b"],
      ["message", undefined],
      ["message", undefined],
    ]);
  });

  it("from messages and responses has one in chat", () => {
    const fromMessages = sent("messages", "chat", {
      messages: [
        hello,
        { role: "assistant", content: [use("a"), use("b")] },
        { role: "user", content: [resultBlock("a"), resultBlock("gone")] },
      ],
    });
    const item = { type: "function_call", call_id: "a", name: "f", arguments: "{}" };
    const output = { type: "function_call_output", call_id: "a", output: "r" };
    const fromResponses = sent("responses", "chat", {
      input: [hello, item, { ...item, call_id: "b" }, output, goOn],
    });
    for (const { messages } of [fromMessages, fromResponses])
      expect(messages.slice(2, 4)).toEqual([result("a"), result("b", noResult)]);
    expect(fromMessages.messages[4]).toEqual({
      role: "user",
      content: "[Result of an earlier call: r]",
    });
  });

  it("names the caller's own place in a refusal", () => {
    const messages = [hello, calls("a", "b"), goOn, { role: "robot", content: "x" }];
    expect(() => sent("chat", "messages", { messages })).toThrow(
      expect.objectContaining({ details: [expect.objectContaining({ path: "/messages/3/role" })] }),
    );
  });

  it.each(["messages", "responses"])("may have the address of an image as a text, at %s", (to) => {
    const content = [{ type: "image_url", image_url: "https://x.test/a.png" }];
    expect(JSON.stringify(sent("chat", to, { messages: [{ role: "user", content }] }))).toContain(
      '"https://x.test/a.png"',
    );
  });
});
