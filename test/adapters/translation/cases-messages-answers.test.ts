import { describe, expect, it } from "vitest";
import {
  assembled,
  call,
  chunk,
  done,
  payloads,
  streamed,
  translation,
  usageChunk,
  type Whatever,
  whole,
} from "./messages-calls.ts";
import { recorded, through } from "./streams.ts";

/** Translation cases by number: chat answers, translated for messages callers. */

describe("answers", () => {
  it("case 68: blocks come one after the other, with rising indexes, no empty ones, and end in tool_use", () => {
    const outcome = streamed([
      chunk({ role: "assistant", content: "" }),
      chunk({ content: "a" }),
      call(0, "", "t0", "f"),
      call(0, '{"x":1}'),
      chunk({ content: "b" }),
      chunk({}, "stop"),
      done,
    ]);
    expect(assembled(outcome)).toMatchObject({
      content: [
        { type: "text", text: "a" },
        { type: "tool_use", id: expect.stringMatching(/^mc\w{6}_t0$/), name: "f", input: { x: 1 } },
        { type: "text", text: "b" },
      ],
      stop_reason: "tool_use",
    });
    const alone = assembled(
      streamed([chunk({ content: "" }), call(0, "{}", "t0", "f"), chunk({}, "stop"), done]),
    );
    expect(alone.content.map(({ type }: Whatever) => type)).toEqual(["tool_use"]);
  });

  it("case 68: thinking, text and interleaved tool calls of vLLM make one message in order", () => {
    const outcome = through(translation.stream("mine", {}), [recorded("openai/vllm-tools.sse")]);
    expect(assembled(outcome)).toMatchObject({
      content: [
        { type: "thinking", thinking: "Zwei Städte, zwei Aufrufe 👋." },
        { type: "text", text: "\n\nIch schaue nach: 東京." },
        { type: "tool_use", name: "get_weather", input: { city: "Zürich" } },
        { type: "tool_use", name: "get_weather" },
      ],
      stop_reason: "tool_use",
      usage: { input_tokens: 9, cache_read_input_tokens: 32, output_tokens: 36 },
    });
    expect(outcome.text).toContain("90071992547");
    const ids = payloads(outcome).flatMap(({ content_block }) => content_block?.id ?? []);
    for (const id of ids) expect(id).toMatch(/^chatcmpl-tool-[a-f0-9]{32}$/);
    expect(new Set(ids).size).toBe(2);
  });

  it("case 69: reasoning is a thinking block with a signature, under either name, whole and streamed", () => {
    const signature = expect.stringMatching(/^mcpctl\.1\./);
    const expected = [
      { type: "thinking", thinking: "hm", signature },
      { type: "text", text: "4" },
    ];
    for (const field of ["reasoning_content", "reasoning"]) {
      const outcome = streamed([
        chunk({ [field]: "h" }),
        chunk({ [field]: "m" }),
        chunk({ content: "4" }, "stop"),
        done,
      ]);
      expect(assembled(outcome).content).toEqual(expected);
      expect(whole({ content: "4", [field]: "hm" }).content).toEqual(expected);
    }
    const parts = [
      { type: "thinking", thinking: [{ type: "text", text: "hm" }] },
      { type: "text", text: "4" },
    ];
    expect(whole({ content: parts }).content).toEqual(expected);
    expect(assembled(streamed([chunk({ content: parts }, "stop"), done])).content).toEqual(expected);
  });

  it("case 70: usage behind the finish is in message_delta, with or without [DONE]", () => {
    const usage = { prompt_tokens: 5, completion_tokens: 2 };
    for (const last of [[done], []]) {
      const outcome = streamed([chunk({ content: "x" }, "length"), usageChunk(usage), ...last]);
      expect(assembled(outcome)).toMatchObject({
        stop_reason: "max_tokens",
        usage: { input_tokens: 5, output_tokens: 2 },
      });
      expect(payloads(outcome).at(-1)).toEqual({ type: "message_stop" });
    }
  });

  it("case 71: input tokens are told without the cached ones, floor 0, whole and streamed", () => {
    const usageOf = (usage: object) => {
      const told = whole({ content: "x" }, { usage }).usage;
      expect(assembled(streamed([chunk({ content: "x" }, "stop"), usageChunk(usage), done])).usage).toEqual(
        told,
      );
      return [told.input_tokens, told.cache_read_input_tokens, told.cache_creation_input_tokens];
    };
    const details = (cached_tokens: number, cache_write_tokens = 0) => ({
      prompt_tokens_details: { cached_tokens, cache_write_tokens },
    });
    expect(usageOf({ prompt_tokens: 100, ...details(80) })).toEqual([20, 80, 0]);
    expect(usageOf({ prompt_tokens: 100, ...details(80, 15) })).toEqual([5, 80, 15]);
    expect(usageOf({ prompt_tokens: 10, ...details(80) })).toEqual([0, 80, 0]);
    const thought = {
      prompt_tokens: 1,
      completion_tokens: 9,
      completion_tokens_details: { reasoning_tokens: 7 },
    };
    expect(whole({ content: "x" }, { usage: thought }).usage.output_tokens_details).toEqual({
      thinking_tokens: 7,
    });
  });

  it.each([
    ["stop", {}, "end_turn"],
    ["length", {}, "max_tokens"],
    ["tool_calls", { tool_calls: [{ id: "t", function: { name: "f", arguments: "{}" } }] }, "tool_use"],
    ["stop", { tool_calls: [{ id: "t", function: { name: "f", arguments: "{}" } }] }, "tool_use"],
    ["content_filter", {}, "refusal"],
    ["stop", { refusal: "No." }, "refusal"],
  ])("case 44: a finish of %s with %j is %s, whole and streamed", (finish_reason, message, expected) => {
    const answer = whole(message, { finish_reason });
    const stream = assembled(streamed([chunk({ ...message }), chunk({}, finish_reason), done]));
    expect([answer.stop_reason, stream.stop_reason]).toEqual([expected, expected]);
    expect(stream.stop_details).toEqual(answer.stop_details);
    expect(answer.stop_details?.type).toBe(expected === "refusal" ? "refusal" : undefined);
  });

  it.each(["something_new", "error", "network_error", "insufficient_system_resource"])(
    "case 44: a finish of %s is a fault, whole and streamed",
    (finish_reason) => {
      expect(() => whole({}, { finish_reason })).toThrow(`finish reason "${finish_reason}"`);
      const { fault, text } = streamed([chunk({ content: "half" }), chunk({}, finish_reason), done]);
      expect(fault?.message).toContain(`"${finish_reason}"`);
      expect(text).not.toContain("message_stop");
    },
  );

  it("a refusal is told as text too", () => {
    const outcome = through(translation.stream("mine", {}), [recorded("openai/refusal.sse")]);
    expect(assembled(outcome)).toMatchObject({
      content: [{ type: "text", text: "I'm sorry, I can't help with that." }],
      stop_reason: "refusal",
    });
  });

  it("case 59: an error is a fault, and nothing was sent where it came before any content", () => {
    const failed = 'data: {"error":{"message":"boom","code":503}}\n\n';
    expect(streamed([chunk({ role: "assistant", content: "" }), failed])).toMatchObject({
      text: "",
      fault: { message: "boom", status: 503 },
    });
    const late = streamed([chunk({ content: "x" }), failed, done]);
    expect(late).toMatchObject({ finished: false, fault: { status: 503 } });
    expect(late.text).not.toContain("message_stop");
  });
});
