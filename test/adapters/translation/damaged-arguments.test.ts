import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { bytesOf, fixedId, payloadsOf, through } from "./streams.ts";

const chunk = (delta: object, finish_reason: string | null = null, index = 0) =>
  `data: ${JSON.stringify({ id: "c", choices: [{ index, delta, finish_reason }] })}\n\n`;
const end = `${chunk({}, "tool_calls")}data: [DONE]\n\n`;
const tools = {
  messages: [{ name: "read", input_schema: { type: "object" } }],
  responses: [{ type: "function", name: "read", parameters: { type: "object" } }],
};

/** Translates a stream. Returns the arguments and the name of each call that the caller gets. */
function callsOf(caller: "messages" | "responses", text: string): [string, string][] {
  const stream = translationFor(caller, "chat", Date.now, fixedId)!.stream("m", { tools: tools[caller] });
  const { text: sent, fault } = through(stream, [bytesOf(text)]);
  expect(fault).toBeUndefined();
  const calls: [string, string][] = [];
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  for (const event of payloadsOf(sent) as any[]) {
    if (event.content_block?.type === "tool_use") calls.push([event.content_block.name, ""]);
    if (event.delta?.partial_json) calls.at(-1)![1] += event.delta.partial_json;
    const { item } = event;
    if (event.type === "response.output_item.done" && item.type === "function_call")
      calls.push([item.name, item.arguments]);
  }
  return calls;
}

const call = (...texts: unknown[]) =>
  texts
    .map((text, at) => {
      const called = { ...(at === 0 && { name: "read" }), arguments: text };
      return chunk({ tool_calls: [{ index: 0, ...(at === 0 && { id: "a" }), function: called }] });
    })
    .join("") + end;

describe.each(["messages", "responses"] as const)("arguments of a call for callers of %s", (caller) => {
  it.each([
    ["in a text", [JSON.stringify('{"path":"a"}')]],
    ["in a text that comes in pieces", ['"{\\"path', '\\":\\"a\\"}"']],
    ["in a fence", ["```json\n", '{"path":"a"}', "\n```"]],
    ["before a token of the template", ['{"path":', '"a"}<|im_end|>']],
    ["before a token in a piece of its own", ['{"path":"a"}', "<|im_end|>"]],
  ])("are found %s (case 171)", (_name, texts) => {
    expect(callsOf(caller, call(...texts))).toEqual([["read", '{"path":"a"}']]);
  });

  it("have their line breaks as escapes (case 171)", () => {
    expect(callsOf(caller, call('{"path":"a\n', 'b"}'))).toEqual([["read", '{"path":"a\\nb"}']]);
  });

  it.each([
    ["{}", '{"path":"a"}'],
    ["{}", "{", '"path":"a"}'],
    ["null", '{"path":"a"}'],
  ])("begin anew behind empty ones: %j %j (case 172)", (...texts) => {
    expect(callsOf(caller, call(...texts))).toEqual([["read", '{"path":"a"}']]);
  });

  it("stay empty where nothing follows (case 172)", () => {
    expect(callsOf(caller, call("{}"))).toEqual([["read", "{}"]]);
  });

  it.each(["functions.read", "read<|channel|>commentary", "default_api:read"])(
    "go to the tool that %s means (case 173)",
    (name) => {
      const text = chunk({
        tool_calls: [{ index: 0, id: "a", function: { name, arguments: '{"path":"a"}' } }],
      });
      expect(callsOf(caller, text + end)).toEqual([["read", '{"path":"a"}']]);
    },
  );

  it("keep the name of a tool that is not known", () => {
    const called = { name: "functions.write", arguments: '{"path":"a"}' };
    const text = chunk({ tool_calls: [{ index: 0, id: "a", function: called }] });
    expect(callsOf(caller, text + end)).toEqual([["functions.write", '{"path":"a"}']]);
  });
});

it("Invalid arguments are an object for callers of messages, and the text itself for those of responses", () => {
  for (const args of ["{'path': 'a'}", '["a"]', "a.txt"]) {
    expect(callsOf("messages", call(args))).toEqual([["read", JSON.stringify({ INVALID_JSON: args })]]);
    expect(callsOf("responses", call(args))).toEqual([["read", args]]);
  }
});

it("Invalid arguments of the history are valid for a provider of chat (case 171)", () => {
  const input = [
    { role: "user", content: "x" },
    { type: "function_call", call_id: "a", name: "read", arguments: '{"path":' },
    { type: "function_call_output", call_id: "a", output: "invalid" },
  ];
  const request = translationFor("responses", "chat")!.request({ input }, "m", {});
  expect(JSON.stringify(request)).toContain(JSON.stringify(JSON.stringify({ INVALID_JSON: '{"path":' })));
});

it.each(["messages", "responses"] as const)(
  "%s: pieces of a second choice are not read (case 174)",
  (caller) => {
    const text = [chunk({ content: "a" }), chunk({ content: "X" }, null, 1), chunk({}, "stop", 1)];
    const stream = translationFor(caller, "chat", Date.now, fixedId)!.stream("m", {});
    const { text: sent } = through(stream, [
      bytesOf(`${text.join("")}${chunk({ content: "b" })}${chunk({}, "stop")}data: [DONE]\n\n`),
    ]);
    expect(sent).not.toContain('"X"');
    expect(sent.match(/output_item\.added|content_block_start"/g)?.length).toBeLessThan(3);
    expect(sent).toContain(caller === "messages" ? "end_turn" : '"text":"ab"');
  },
);
