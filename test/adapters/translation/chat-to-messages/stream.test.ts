import { describe, expect, it } from "vitest";
import { ChatFromMessages } from "../../../../src/adapters/translation/chat-to-messages/stream.ts";
import type { ChatCompletion } from "../../../../src/wire/dialects/chat.ts";
import { sseFrame } from "../../../../src/wire/sse.ts";
import { bytesOf, payloadsOf, recorded, through } from "../streams.ts";

const event = (type: string, fields: object = {}) =>
  sseFrame({ event: type, data: JSON.stringify({ type, ...fields }) });
const start = event("message_start", {
  message: { id: "msg_1", usage: { input_tokens: 10, output_tokens: 1 } },
});
const blockStart = (index: number, content_block: object) =>
  event("content_block_start", { index, content_block });
const delta = (index: number, piece: object) => event("content_block_delta", { index, delta: piece });
const blockStop = (index: number) => event("content_block_stop", { index });
const messageDelta = event("message_delta", {
  delta: { stop_reason: "end_turn" },
  usage: { output_tokens: 4 },
});
const stop = event("message_stop");

function translated(text: string, includeUsage = false) {
  return through(new ChatFromMessages("mine", 1, { includeUsage }), [bytesOf(text)]);
}

/** The deltas of all chunks with choices. */
function deltasOf(text: string): unknown[] {
  return (payloadsOf(text) as (ChatCompletion | "[DONE]")[]).flatMap((chunk) =>
    chunk === "[DONE]" ? [] : (chunk.choices ?? []).map((choice) => choice.delta),
  );
}

describe("a stream of Anthropic translated to chat chunks", () => {
  it("starts with the role, keeps id, created and model, ends in finish and [DONE] (cases 49, 56, 57)", () => {
    const { text } = through(new ChatFromMessages("mine", 7), [recorded("anthropic/text.sse")]);
    const payloads = payloadsOf(text);
    expect(payloads.at(-1)).toBe("[DONE]");
    const chunks = payloads.slice(0, -1);
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({
        id: expect.stringMatching(/^chatcmpl-[0-9a-f]{24}$/),
        object: "chat.completion.chunk",
        created: 7,
        model: "mine",
      });
      expect(chunk).not.toHaveProperty("usage");
    }
    expect(chunks[0]).toMatchObject({
      choices: [{ delta: { role: "assistant", content: "" }, finish_reason: null }],
    });
    expect(chunks.at(-1)).toMatchObject({ choices: [{ delta: {}, finish_reason: "stop" }] });
    expect(chunks).toHaveLength(6);
  });

  it("has usage in a chunk of its own where the caller asks for it, and null before (case 57)", () => {
    const payloads = payloadsOf(translated(start + messageDelta + stop, true).text);
    expect(payloads).toMatchObject([
      { usage: null },
      { choices: [{ finish_reason: "stop" }], usage: null },
      { choices: [], usage: { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 } },
      "[DONE]",
    ]);
  });

  it("has the later counts, never the sum (case 58)", () => {
    const more = event("message_delta", { delta: {}, usage: { input_tokens: 12, output_tokens: 9 } });
    expect(translated(start + messageDelta + more + stop).usage).toMatchObject({
      promptTokens: 12,
      completionTokens: 9,
    });
  });

  it("numbers tools instead of blocks, and names each once (cases 50, 51)", () => {
    const { text } = translated(
      start +
        blockStart(3, { type: "tool_use", id: "toolu_A", name: "a", input: {} }) +
        delta(3, { type: "input_json_delta", partial_json: "" }) +
        delta(3, { type: "input_json_delta", partial_json: '{"x":1}' }) +
        blockStop(3),
    );
    expect(deltasOf(text).slice(1)).toEqual([
      { tool_calls: [{ index: 0, id: "toolu_A", type: "function", function: { name: "a", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] },
    ]);
  });

  it("has {} for a tool without arguments, and input that came at once unchanged (cases 52, 53)", () => {
    const { text } = translated(
      start +
        blockStart(0, { type: "tool_use", id: "A", name: "a", input: {} }) +
        blockStop(0) +
        blockStart(1, { type: "tool_use", id: "B", name: "b", input: { x: 1 } }) +
        blockStop(1),
    );
    const pieces = deltasOf(text).slice(1) as {
      tool_calls: [{ index: number; function: { arguments: string } }];
    }[];
    expect(pieces.map(({ tool_calls: [call] }) => [call.index, call.function.arguments])).toEqual([
      [0, ""],
      [0, "{}"],
      [1, ""],
      [1, '{"x":1}'],
    ]);
  });

  it("has thinking as reasoning_content, and its signature apart (case 54)", () => {
    const { text } = translated(Buffer.from(recorded("anthropic/thinking.sse")).toString());
    const deltas = deltasOf(text);
    const [signature, data] = ["EqQBCgIYAhIM1gbcDa9GJwZA2b3h", "EmwKAhgBEgy3va3pzix"];
    const format = "anthropic-claude-v1";
    expect(deltas.slice(1, 5)).toEqual([
      {
        reasoning_content: "The user asks",
        reasoning_details: [{ type: "reasoning.text", text: "The user asks", index: 0 }],
      },
      {
        reasoning_content: " for 2+2.",
        reasoning_details: [{ type: "reasoning.text", text: " for 2+2.", index: 0 }],
      },
      {
        thinking_blocks: [{ type: "thinking", thinking: "The user asks for 2+2.", signature, index: 0 }],
        reasoning_details: [{ type: "reasoning.text", text: "", signature, format, index: 0 }],
      },
      {
        thinking_blocks: [{ type: "redacted_thinking", data, index: 1 }],
        reasoning_details: [{ type: "reasoning.encrypted", data, format, index: 1 }],
      },
    ]);
    expect(deltas[5]).toEqual({ content: "4." });
  });

  it("leaves out the provider's own tools, citations, pings and unknown blocks (cases 47, 48, 55, 56)", () => {
    const { text } = translated(
      start +
        blockStart(0, { type: "server_tool_use", id: "srv", name: "web_search", input: {} }) +
        delta(0, { type: "input_json_delta", partial_json: '{"query":"x"}' }) +
        blockStop(0) +
        blockStart(1, { type: "hologram" }) +
        delta(1, { type: "hologram_delta", text: "?" }) +
        blockStop(1) +
        blockStart(2, { type: "text", text: "" }) +
        delta(2, { type: "citations_delta", citation: {} }) +
        delta(2, { type: "text_delta", text: "yes" }) +
        event("ping") +
        event("something_new"),
    );
    expect(deltasOf(text)).toEqual([{ role: "assistant", content: "" }, { content: "yes" }]);
  });

  it("has a fault for an error, and nothing that looks like an end (case 59)", () => {
    const { text, fault, finished } = translated(
      start + event("error", { error: { type: "overloaded_error", message: "Overloaded" } }) + stop,
    );
    expect(fault).toMatchObject({ message: "Overloaded", type: "overloaded_error", status: 529 });
    expect(finished).toBe(false);
    expect(text).not.toMatch(/DONE|"finish_reason":"/);
  });

  it("finishes without message_stop behind a stop reason, and closes what is open (case 160)", () => {
    const tool = event("content_block_start", {
      index: 0,
      content_block: { type: "tool_use", id: "toolu_1", name: "now", input: {} },
    });
    const { text, finished, done } = translated(start + tool + messageDelta, true);
    expect([finished, done]).toEqual([true, true]);
    expect(text).toMatch(/"arguments":"\{\}"[\s\S]*"finish_reason":"tool_calls"[\s\S]*"usage":\{[\s\S]*DONE/);
  });

  it("sends nothing after message_stop (case 60)", () => {
    const { text, done } = translated(start + messageDelta + stop + start);
    expect(done).toBe(true);
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it("ignores the same message_start again, and refuses another one (case 65)", () => {
    expect(deltasOf(translated(start + start).text)).toHaveLength(1);
    const other = event("message_start", { message: { id: "msg_2" } });
    expect(translated(start + other).fault?.message).toContain("second message");
  });

  it("begins a text and a thinking whose start was left out (case 204)", () => {
    const thinking = delta(0, { type: "thinking_delta", thinking: "hm" });
    const { text, fault } = translated(start + thinking + delta(1, { type: "text_delta", text: "x" }));
    expect(fault).toBeUndefined();
    expect(deltasOf(text)).toMatchObject([{}, { reasoning_content: "hm" }, { content: "x" }]);
  });

  it.each([
    ["no JSON", "data: {nope\n\n", "not a JSON object"],
    [
      "a block that never started",
      delta(5, { type: "input_json_delta", partial_json: "{" }),
      "had not started",
    ],
    ["an event without end", `data: ${"x".repeat(9_000_000)}`, "exceeds"],
  ])("fails for %s, after sending the chunks before it", (_name, bad, message) => {
    const { text, fault } = through(new ChatFromMessages("mine", 1), [bytesOf(start), bytesOf(bad)]);
    expect(fault?.message).toContain(message);
    expect(deltasOf(text)).toHaveLength(1);
  });
});
