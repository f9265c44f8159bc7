import type OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { typedFrame } from "../../../src/wire/sse.ts";
import { bytesOf, cutAt, fixedId, payloadsOf, through } from "./streams.ts";

const toMessages = translationFor("chat", "messages", () => 0, fixedId)!;
const model = "claude-sonnet-4-5";
const translated = (body: object) =>
  toMessages.request(
    { model: "mine", messages: [{ role: "user", content: "hi" }], ...body },
    model,
    quirksOf({ type: "anthropic", model }),
  );

const grammar = { type: "grammar", grammar: { syntax: "lark", definition: 'start: "a"' } };
const patch = {
  type: "custom",
  custom: { name: "apply patch", description: "Changes files.", format: grammar },
};
const run = { type: "function", function: { name: "run", parameters: { type: "object", properties: {} } } };
const request = { model: "mine", tools: [patch, run] };
const patchName = (translated({ tools: [patch] })["tools"] as { name: string }[])[0]!.name;
const input = 'a "quoted"\n\\line 🦙\u0001';

describe("a free-form tool of chat at Anthropic (case 205)", () => {
  it("becomes a tool with one text; a grammar goes into its description", () => {
    expect(translated({ tools: [patch, run] })["tools"]).toEqual([
      {
        name: expect.stringMatching(/^apply_patch_[0-9a-f]{8}$/),
        description: 'Changes files.\n\nThe input must match this lark grammar:\nstart: "a"',
        input_schema: {
          type: "object",
          properties: { input: { type: "string", description: "The whole input, as plain text." } },
          required: ["input"],
          additionalProperties: false,
        },
      },
      { name: "run", input_schema: { type: "object", properties: {} } },
    ]);
    const choice = { type: "custom", custom: { name: "apply patch" } };
    expect(translated({ tools: [patch, run], tool_choice: choice })["tool_choice"]).toEqual({
      type: "tool",
      name: patchName,
    });
    const allowed = { type: "allowed_tools", allowed_tools: { mode: "required", tools: [choice] } };
    expect(translated({ tools: [patch, run], tool_choice: allowed })).toMatchObject({
      tools: [{ name: patchName }],
      tool_choice: { type: "any" },
    });
    for (const [custom, path] of [
      [{}, "/tools/0/custom/name"],
      [{ name: "a", format: { type: "regex" } }, "/tools/0/custom/format/type"],
      [{ name: "a", more: 1 }, "/tools/0/custom/more"],
    ] as const)
      expect(() => translated({ tools: [{ type: "custom", custom }] }), path).toThrow(
        expect.objectContaining({ details: [expect.objectContaining({ path })] }),
      );
  });

  it("comes back as a call of a custom tool, whole and as a stream that is cut anywhere", async () => {
    const use = (id: string, name: string, given: object) => ({ type: "tool_use", id, name, input: given });
    const answer = {
      content: [use("toolu_1", patchName, { input }), use("toolu_2", "run", { input: "x" })],
      stop_reason: "tool_use",
    };
    const whole = toMessages.response(answer, "mine", request) as unknown as OpenAI.ChatCompletion;
    expect(whole.choices[0]).toMatchObject({ finish_reason: "tool_calls" });
    const calls = [
      { id: "toolu_1", type: "custom", custom: { name: "apply patch", input } },
      { id: "toolu_2", type: "function", function: { name: "run", arguments: '{"input":"x"}' } },
    ];
    expect(whole.choices[0]!.message.tool_calls).toEqual(calls);

    const json = JSON.stringify({ input });
    const block = (index: number, id: string, name: string, pieces: readonly string[]) =>
      typedFrame("content_block_start", { index, content_block: use(id, name, {}) }) +
      pieces
        .map((partial_json) =>
          typedFrame("content_block_delta", { index, delta: { type: "input_json_delta", partial_json } }),
        )
        .join("") +
      typedFrame("content_block_stop", { index });
    const stream = (pieces: readonly string[]) =>
      bytesOf(
        typedFrame("message_start", { message: { id: "msg_1", usage: { input_tokens: 1 } } }) +
          block(0, "toolu_1", patchName, pieces) +
          block(1, "toolu_2", "run", ['{"input"', ':"x"}']) +
          typedFrame("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 2 } }) +
          typedFrame("message_stop", {}),
      );
    for (let at = 1; at < json.length; at++) {
      const bytes = stream([json.slice(0, at), json.slice(at)]);
      const { text } = through(toMessages.stream("mine", request), cutAt(bytes, [at * 7]));
      expect(assembled(text), `cut at ${at}`).toEqual(calls);
    }
    // Models that know the tool by another form, such as `{"patch": …}` of DeepSeek (case 209).
    const odd = through(toMessages.stream("mine", request), [stream(['{"text": ', '"b"}'])]);
    expect(assembled(odd.text)[0]).toMatchObject({ custom: { input: "b" } });
    const other = through(toMessages.stream("mine", request), [stream(['{"a":1,', '"b":"c"}'])]);
    expect(assembled(other.text)[0]).toMatchObject({ custom: { input: '{"a":1,"b":"c"}' } });
  });

  it("keeps its calls in the history, and their results", () => {
    const call = { id: "c", type: "custom", custom: { name: "apply patch", input } };
    expect(
      translated({
        tools: [patch],
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", tool_calls: [call] },
          { role: "tool", tool_call_id: "c", content: "done" },
        ],
      })["messages"],
    ).toMatchObject([
      {},
      { content: [{ type: "tool_use", name: patchName, input: { input } }] },
      { content: [{ type: "tool_result", content: [{ text: "done" }] }] },
    ]);
  });
});

/** The calls of a stream, put together. */
function assembled(text: string): unknown[] {
  // biome-ignore lint/suspicious/noExplicitAny: chunks of any form
  const calls: any[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: chunks of any form
  for (const chunk of payloadsOf(text) as any[])
    for (const { index, ...piece } of chunk.choices?.[0]?.delta.tool_calls ?? []) {
      const call = calls[index];
      if (!call) calls[index] = piece;
      else if (piece.custom) call.custom.input += piece.custom.input;
      else call.function.arguments += piece.function.arguments;
    }
  return calls;
}
