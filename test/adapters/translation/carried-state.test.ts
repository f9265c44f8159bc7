import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { carriedState, carryState, isCarriedState } from "../../../src/adapters/translation/carried-state.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { bytesOf, payloadsOf, through } from "./streams.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

const text = fc.string({ unit: "binary" });
const extra = fc.record({ google: fc.record({ thought_signature: text }) });
// Details of one index are pieces of one text, which a stream joins.
const details = fc.uniqueArray(
  fc.oneof(
    fc.record({ type: fc.constant("reasoning.text"), text, signature: text, index: fc.nat(3) }),
    fc.record({ type: fc.constant("reasoning.encrypted"), data: text, id: text }),
  ),
  { minLength: 1, maxLength: 3, selector: (detail) => ("index" in detail ? detail.index : detail) },
);

/** An answer of a chat provider with whatever it may need back. */
const message = fc.record({
  reasoning: fc.string({ minLength: 1 }),
  field: fc.constantFrom("reasoning_content", "reasoning"),
  content: fc.string(),
  details: fc.option(details, { nil: undefined }),
  calls: fc.array(fc.record({ id: text, extra: fc.option(extra, { nil: undefined }) }), {
    minLength: 1,
    maxLength: 3,
  }),
});
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

function answerOf({ reasoning, field, content, details: reasoning_details, calls }: Message): Whatever {
  const tool_calls = calls.map(({ id, extra: extra_content }, index) => ({
    index,
    id: id || "x",
    type: "function",
    function: { name: "f", arguments: `{"n":${index}}` },
    ...(extra_content && { extra_content }),
  }));
  return { [field]: reasoning, content, ...(reasoning_details && { reasoning_details }), tool_calls };
}

/** Sends an answer to a caller, whole or streamed, and the caller's next request back to the provider. */
function returned(
  caller: "messages" | "responses",
  answer: Whatever,
  isStreamed: boolean,
  model = "mine",
): Whatever {
  const translation = translationFor(caller, "chat")!;
  const tools = caller === "messages" ? [{ name: "f", input_schema: {} }] : [{ type: "function", name: "f" }];
  const body = isStreamed ? streamed(caller, translation, answer) : whole(translation, answer);
  const output: Whatever[] = JSON.parse(JSON.stringify(caller === "messages" ? body.content : body.output));
  if (caller === "messages") {
    const results = output
      .filter(({ type }) => type === "tool_use")
      .map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: "ok" }));
    const messages = [
      { role: "user", content: "x" },
      { role: "assistant", content: output },
      { role: "user", content: results },
    ];
    return translation.request({ model, max_tokens: 9, tools, messages }, "theirs", {});
  }
  const results = output
    .filter(({ type }) => type === "function_call")
    .map(({ call_id }) => ({ type: "function_call_output", call_id, output: "ok" }));
  return translation.request(
    { model, tools, input: [{ role: "user", content: "x" }, ...output, ...results] },
    "theirs",
    {},
  );
}

function whole(translation: Whatever, answer: Whatever): Whatever {
  const choices = [{ index: 0, message: answer, finish_reason: "tool_calls" }];
  return translation.response({ id: "c", choices }, "mine", {});
}

function streamed(caller: string, translation: Whatever, answer: Whatever): Whatever {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: "c", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const { tool_calls, content, reasoning_details = [], ...reasoning } = answer;
  const pieces = [
    chunk(reasoning),
    ...reasoning_details.map((detail: object) => chunk({ reasoning_details: [detail] })),
    chunk({ content }),
    ...tool_calls.map((call: object) => chunk({ tool_calls: [call] })),
    chunk({}, "tool_calls"),
  ];
  const outcome = through(translation.stream("mine", {}), [bytesOf(`${pieces.join("")}data: [DONE]\n\n`)]);
  expect(outcome.fault).toBeUndefined();
  const events = payloadsOf(outcome.text) as Whatever[];
  if (caller === "responses") return events.at(-1).response;
  const blocks: Whatever[] = [];
  for (const { type, index, content_block, delta } of events) {
    if (type === "content_block_start") blocks[index] = { ...content_block };
    if (type !== "content_block_delta") continue;
    if (delta.thinking) blocks[index].thinking += delta.thinking;
    if (delta.text) blocks[index].text += delta.text;
    if (delta.signature) blocks[index].signature = delta.signature;
    if (delta.partial_json) blocks[index].input = JSON.parse(delta.partial_json);
  }
  return { content: blocks };
}

describe.each(["messages", "responses"] as const)(
  "what a provider needs back, for callers of %s (case 92)",
  (caller) => {
    it.each([false, true])("comes back byte for byte (streamed: %s)", (isStreamed) => {
      fc.assert(
        fc.property(message, (one) => {
          const answer = answerOf(one);
          const ids = answer.tool_calls.map(({ id }: Whatever) => id);
          fc.pre(new Set(ids).size === ids.length);
          const { messages } = returned(caller, answer, isStreamed);
          const turn = messages.find(({ role }: Whatever) => role === "assistant");
          expect(turn[one.field]).toBe(one.reasoning);
          expect(turn.reasoning_details).toEqual(one.details);
          expect(turn.tool_calls.map(({ id, extra_content }: Whatever) => ({ id, extra_content }))).toEqual(
            answer.tool_calls.map(({ id, extra_content }: Whatever) => ({ id, extra_content })),
          );
          const results = messages.filter(({ role }: Whatever) => role === "tool");
          expect(results.map(({ tool_call_id }: Whatever) => tool_call_id)).toEqual(ids);
        }),
        { numRuns: 60 },
      );
    });

    it("goes to no other model", () => {
      const answer = answerOf({
        reasoning: "hm",
        field: "reasoning",
        content: "",
        details: [{ type: "reasoning.encrypted", data: "D", id: "i" }],
        calls: [{ id: "functions.f:0", extra: { google: { thought_signature: "S" } } }],
      });
      const sent = JSON.stringify(returned(caller, answer, false, "another"));
      for (const foreign of ["hm", "reasoning", "extra_content", "mcpctl"])
        expect(sent).not.toContain(foreign);
      expect(sent).toContain("functions.f:0");
    });

    it("carries the signature of a thought that came without reasoning", () => {
      const call = {
        id: "fc1",
        function: { name: "f", arguments: "{}" },
        extra_content: { google: { thought_signature: "S" } },
      };
      for (const isStreamed of [false, true]) {
        const { messages } = returned(caller, { content: "", tool_calls: [call] }, isStreamed);
        expect(messages[1].tool_calls[0]).toMatchObject({ id: "fc1", extra_content: call.extra_content });
        expect(messages[1]).not.toHaveProperty("reasoning_content");
      }
    });

    it("carries an id that is too long to be wrapped", () => {
      const id = `functions.${"x".repeat(64)}:12`;
      const { messages } = returned(
        caller,
        { tool_calls: [{ id, function: { name: "f", arguments: "{}" } }] },
        true,
      );
      expect([messages[1].tool_calls[0].id, messages[2].tool_call_id]).toEqual([id, id]);
    });
  },
);

describe("a carried state", () => {
  it("that others forged is read only as far as its form is right, and never fails", () => {
    const forged = fc.oneof(
      fc.string().map((one) => `mcpctl.1.${one}`),
      fc.jsonValue().map((value) => `mcpctl.1.${Buffer.from(JSON.stringify(value)).toString("base64url")}`),
      fc
        .record({
          field: fc.jsonValue(),
          details: fc.jsonValue(),
          thinking: fc.jsonValue(),
          calls: fc.jsonValue(),
        })
        .map((value) => `mcpctl.1.${Buffer.from(JSON.stringify(value)).toString("base64url")}`),
    );
    fc.assert(
      fc.property(forged, (one) => {
        const state = carriedState(one, "mine");
        for (const name of Object.keys(state ?? {}))
          expect(["field", "details", "thinking", "extra", "calls"]).toContain(name);
        expect(isCarriedState(one)).toBe(true);
        const messages = [
          { role: "user", content: "x" },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "t", signature: one },
              { type: "text", text: "y" },
            ],
          },
        ];
        const sent = translationFor("messages", "chat")!.request(
          { model: "mine", messages },
          "m",
          {},
        ) as Whatever;
        expect(sent.messages[1]).toMatchObject({ role: "assistant" });
        expect(Object.keys(sent.messages[1])).not.toContain("tool_calls");
      }),
    );
  });

  it("that is nested deeply or too large is not read", () => {
    const deep = `{"extra":${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}}`;
    expect(carriedState(`mcpctl.1.${Buffer.from(deep).toString("base64url")}`, "m")).toBeUndefined();
    const large = carryState({ model: "m", details: [{ data: "x".repeat(5 * 1024 * 1024) }] });
    expect(large.length).toBeLessThan(100);
    expect(carriedState(large, "m")).toEqual({});
  });

  it.each([["EqQBCgIYAhIk"], ["mcpctl.9.e30"], [undefined], [7]])("is not %s", (signature) => {
    expect(carriedState(signature, "m")).toBeUndefined();
  });
});
