import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import type { Dialect } from "../../../src/wire/dialects/types.ts";

/**
 * Requests of so many parts that work which grows with their square would take minutes (T293). No limit of the server lets
 * most of them in.
 */
const count = 40_000;
const list = <T>(make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index));
const user = { role: "user", content: "x" };
const names = list((index) => `p${index}`);

const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });
const result = (id: string, content = "r") => ({ role: "tool", tool_call_id: id, content });
const chat: Record<string, object> = {
  "hosted tools before one of the caller": {
    messages: [user],
    tools: [...list(() => ({ type: "web_search" })), { type: "function", function: { name: "f" } }],
  },
  "as many allowed tools as tools": {
    messages: [user],
    tools: names.map((name) => ({ type: "function", function: { name } })),
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: {
        mode: "auto",
        tools: names.map((name) => ({ type: "function", function: { name } })),
      },
    },
  },
  "calls in one turn, and then their results": {
    messages: [user, { role: "assistant", tool_calls: names.map(call) }, ...names.map((id) => result(id))],
  },
  "one id for the calls of all turns": {
    messages: [user, ...list(() => [{ role: "assistant", tool_calls: [call("c")] }, result("c")]).flat()],
  },
  "one id for all calls of a turn": {
    messages: [
      user,
      { role: "assistant", tool_calls: list(() => call("c")) },
      ...list((index) => result("c", String(index))),
    ],
  },
  "results of one call": {
    messages: [
      user,
      { role: "assistant", tool_calls: [call("c")] },
      ...list((index) => result("c", `${index}${"y".repeat(100)}`)),
    ],
  },
  "system messages behind the first turn": {
    messages: [user, ...list(() => ({ role: "system", content: "x" }))],
  },
};

const schema = (parameters: object) => ({
  messages: [user],
  tools: [{ type: "function", function: { name: "f", strict: true, parameters } }],
});
const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
const schemas: Record<string, object> = {
  "required properties": schema({
    type: "object",
    additionalProperties: false,
    properties,
    required: names.toReversed(),
  }),
  "members of a union with the same requirements": schema({
    type: "object",
    anyOf: [{ required: names }, { required: names.toReversed() }],
  }),
  "members of a union with one property": schema({
    type: "object",
    anyOf: list((index) => ({ properties: { a: { const: index } } })),
  }),
  "references to one large definition": schema({
    type: "object",
    $defs: { d: { properties } },
    anyOf: list(() => ({ $ref: "#/$defs/d" })),
  }),
};

const responses: Record<string, object> = {
  tools: { input: "x", tools: names.map((name) => ({ type: "function", name })) },
  "tools, all of them allowed": {
    input: "x",
    tools: names.map((name) => ({ type: "function", name })),
    tool_choice: {
      type: "allowed_tools",
      mode: "auto",
      tools: names.map((name) => ({ type: "function", name })),
    },
  },
  "calls, and then their results": {
    input: [
      user,
      ...names.map((id) => ({ type: "function_call", call_id: id, name: "f", arguments: "{}" })),
      ...names.map((id) => ({ type: "function_call_output", call_id: id, output: "r" })),
    ],
  },
};

const cases = [
  ...casesOf("chat", "messages", chat),
  ...casesOf("chat", "responses", schemas),
  ...casesOf("responses", "chat", responses),
];

function casesOf(caller: Dialect, provider: Dialect, bodies: Record<string, object>) {
  return Object.entries(bodies).map(([name, body]) => ({ caller, provider, name, body }));
}

describe("translation of a request with 40,000 parts (T293)", () => {
  it.each(cases)("$caller to $provider: $name", ({ caller, provider, body }) => {
    const translation = translationFor(caller, provider)!;
    const request = translation.request({ model: "m", ...body }, "m", { laterSystem: true });
    expect(request["model"]).toBe("m");
  });
});

it("a union of three forms of a property is one union, and each form stands in it once", () => {
  const { tools } = translationFor("chat", "messages")!.request(
    schema({ type: "object", anyOf: [1, 2, 2, 3].map((one) => ({ properties: { a: { const: one } } })) }),
    "m",
    {},
  ) as { tools: { input_schema: { properties: object } }[] };
  expect(tools[0]!.input_schema.properties).toEqual({
    a: { anyOf: [{ const: 1 }, { const: 2 }, { const: 3 }] },
  });
});

it("several results of one call become one text, in which each stands once", () => {
  const { messages } = translationFor("chat", "messages")!.request(
    {
      messages: [
        user,
        { role: "assistant", tool_calls: [call("c")] },
        ...["a", "b", "a"].map((text) => result("c", text)),
      ],
    },
    "m",
    {},
  ) as { messages: { content: { content: { text: string }[] }[] }[] };
  expect(messages.at(-1)!.content.map(({ content }) => content)).toEqual([
    [{ type: "text", text: "a\n\nb" }],
  ]);
});
