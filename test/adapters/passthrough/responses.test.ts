import { describe, expect, it, vi } from "vitest";
import { adapterFor, nativePathFor } from "../../../src/adapters/index.ts";
import { passthroughPipe, passthroughs } from "../../../src/adapters/passthrough/index.ts";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { carryState } from "../../../src/adapters/translation/carried-state.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { SseParser, sseFrame } from "../../../src/wire/sse.ts";
import { bytesOf, recorded, through } from "../translation/streams.ts";

const nativeChanges = (body: Record<string, unknown>) => passthroughs.responses.prepare(body, {}).changes;
const pipe = () => passthroughPipe("responses", { stripUsage: false });

describe("a responses stream that passes through", () => {
  it.each(["text", "incomplete"])("is returned as the very same arrays: %s", (name) => {
    const bytes = recorded(`openai/responses-${name}.events`);
    const passed = pipe();
    expect(passed.push(bytes)).toBe(bytes);
    expect(passed).toMatchObject({
      finished: true,
      done: true,
      fault: undefined,
      usage: { promptTokens: 30, completionTokens: 22, cachedTokens: 16 },
    });
    expect(passed.end()).toBeNull();
  });

  it("ends with its last event, without [DONE]", () => {
    const bytes = recorded("openai/responses-text.events");
    const { text } = through(pipe(), [bytes, bytesOf("data: [DONE]\n\n")]);
    expect(text).toBe(Buffer.from(bytes).toString());
  });

  it("has a fault with its status for response.failed, whose frame is not sent (case 59)", () => {
    const { text, fault, finished, usage } = through(pipe(), [recorded("openai/responses-failed.events")]);
    expect(fault).toMatchObject({ type: "rate_limit_exceeded", status: 429 });
    expect(fault?.message).toContain("try again in 11.054s");
    expect([finished, usage.promptTokens]).toEqual([false, 30]);
    expect(text).not.toContain("event: response.failed");
  });

  it("has a fault for an error, and its position", () => {
    const passed = pipe();
    const { text, fault } = through(passed, [recorded("openai/responses-error.events")]);
    expect(fault).toMatchObject({ type: "server_error", status: 500 });
    expect(passed.position).toEqual({ responseId: "resp_3a1b2c", sequence: 2 });
    expect(text).not.toContain("event: error");
  });

  it.each([
    ["of its own", { code: "context_length_exceeded", message: "too long", param: null }],
    [
      "inside",
      { error: { type: "invalid_request_error", code: "context_length_exceeded", message: "too long" } },
    ],
  ])("keeps the code of an error in fields %s: Codex acts on it", (_name, fields) => {
    const { fault } = through(pipe(), [
      bytesOf(sseFrame({ event: "error", data: JSON.stringify({ type: "error", ...fields }) })),
    ]);
    expect(fault).toMatchObject({
      message: "too long",
      meaning: { is: "overflow" },
      fields: { code: "context_length_exceeded" },
    });
  });

  it.each([{}, { response: null }, { error: "boom" }, { response: { error: 5 } }])(
    "survives an error that says nothing: %j",
    (fields) => {
      for (const type of ["error", "response.failed"]) {
        const { fault } = through(pipe(), [
          bytesOf(sseFrame({ event: type, data: JSON.stringify({ type, ...fields }) })),
        ]);
        expect(fault?.message).toBe("the provider reported an error");
      }
    },
  );

  it.each(["\n", "\r"])(
    "is not parsed where a frame has very many lines, which end in %j (T63)",
    (lineEnd) => {
      const parsing = vi.spyOn(SseParser.prototype, "push");
      const comments = Array(100).fill(bytesOf(`:${lineEnd}`.repeat(1000)));
      const end = `data: {"type":"response.completed"}${lineEnd}`;
      expect(through(pipe(), [...comments, bytesOf(end)])).toMatchObject({ text: "", finished: false });
      const whole = through(pipe(), [...comments, bytesOf(end + lineEnd)]);
      expect(whole.text).toContain("response.completed");
      expect(whole.finished).toBe(false);
      expect(Math.max(...parsing.mock.calls.map(([bytes]) => bytes.length))).toBeLessThan(10_000);
      parsing.mockRestore();
    },
  );

  it("has its end read when that is longer than 256 KiB, in pieces (case 64)", () => {
    const [head, last] = Buffer.from(recorded("openai/responses-text.events"))
      .toString()
      .split(/(?=event: response\.completed)/);
    const long = bytesOf(head + last!.replace("Say ", "Say ".repeat(100_000)));
    const pieces = Array.from({ length: Math.ceil(long.length / 16_384) }, (_, at) =>
      long.subarray(at * 16_384, (at + 1) * 16_384),
    );
    const { finished, text, usage } = through(pipe(), pieces);
    expect([finished, text.length, usage.completionTokens]).toEqual([
      true,
      Buffer.from(long).toString().length,
      22,
    ]);
  });
});

describe("a long event of a responses stream that passes through (T137)", () => {
  const text = "t".repeat(400_000);
  const response = {
    id: "resp_1",
    instructions: "i".repeat(2_000_000),
    output: [{ type: "message", content: [{ type: "output_text", text }] }],
    usage: { input_tokens: 5, output_tokens: 7 },
  };
  const inPieces = (frame: string) =>
    Array.from({ length: Math.ceil(frame.length / 65_536) }, (_, at) =>
      bytesOf(frame.slice(at * 65_536, (at + 1) * 65_536)),
    );

  it.each([
    ["first", { type: "response.completed", sequence_number: 9, response }],
    ["last, because the keys are sorted", { response, sequence_number: 9, type: "response.completed" }],
  ])("ends the answer, with its type %s, and the request in it is not parsed", (_, event) => {
    const frame = `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
    const parsing = vi.spyOn(JSON, "parse");
    const watched = pipe();
    const sent = inPieces(frame).map((piece) => watched.push(piece));
    const longest = Math.max(...parsing.mock.calls.map(([parsed]) => parsed.length));
    parsing.mockRestore();
    const whole = Buffer.concat(
      sent.flatMap((out) => (out === null ? [] : [Buffer.from(out as Uint8Array)])),
    );
    expect(whole.equals(Buffer.from(frame))).toBe(true);
    expect([watched.finished, watched.done, watched.usage.completionTokens]).toEqual([true, true, 7]);
    expect(watched.answer).toEqual({ id: "resp_1", output: response.output });
    expect(longest).toBeLessThan(text.length + 1000);
  });

  it("fails the stream with the provider's error", () => {
    const failed = { ...response, error: { code: "server_error", message: "it broke" } };
    const { fault } = through(
      pipe(),
      inPieces(`data: ${JSON.stringify({ type: "response.failed", response: failed })}\n\n`),
    );
    expect(fault?.message).toBe("it broke");
  });

  it("is whole without its blank line, and dropped where half of it is missing", () => {
    const frame = `data: ${JSON.stringify({ type: "response.completed", response })}`;
    expect(through(pipe(), inPieces(frame))).toMatchObject({ finished: true, done: true });
    const half = through(pipe(), inPieces(frame.slice(0, -10)));
    expect([half.finished, half.text]).toEqual([false, ""]);
  });

  it("is not held where nothing in its begin says that it ends the answer", () => {
    const watched = pipe();
    const parsing = vi.spyOn(SseParser.prototype, "push");
    const pieces = inPieces(`data: {"type":"response.image","b64":"${"x".repeat(1_000_000)}"}\n\n`);
    const sent = pieces.map((piece) => watched.push(piece)?.length ?? 0);
    expect(sent.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(sent[4]).toBe(5 * 65_536);
    expect(sent.slice(5)).toEqual(pieces.slice(5).map(({ length }) => length));
    expect(Math.max(...parsing.mock.calls.map(([bytes]) => bytes.length))).toBeLessThan(65_536);
    parsing.mockRestore();
  });
});

describe("a responses request that passes through", () => {
  it("asks the provider to store nothing, and is otherwise unchanged", () => {
    const input = [
      { role: "user", content: "hello" },
      { type: "reasoning", encrypted_content: "gAAAA" },
    ];
    expect(nativeChanges({ input, tools: [{ type: "web_search" }] })).toEqual({ store: false });
    expect(nativeChanges({ input, store: null })).toEqual({ store: false });
    expect(nativeChanges({ input, store: false })).toEqual({});
    expect(nativeChanges({ input: "hello", store: false })).toEqual({});
  });

  it("loses reasoning of other providers, which OpenAI would refuse", () => {
    const others = [
      { role: "user", content: "hello" },
      { type: "reasoning", encrypted_content: "gAAAA" },
    ];
    const ours = [[], [{ type: "thinking", signature: "s" }]].map((blocks) => ({
      type: "reasoning",
      summary: [],
      encrypted_content: carryState({ thinking: blocks }),
    }));
    expect(nativeChanges({ input: [...ours, ...others, null], store: false })).toEqual({
      input: [...others, null],
    });
  });

  it.each([
    [{ previous_response_id: "resp_1" }, "/previous_response_id"],
    [{ conversation: { id: "conv_1" } }, "/conversation"],
    [{ background: true }, "/background"],
    [{ prompt: { id: "pmpt_1" } }, "/prompt"],
    [{ input: ["odd", { type: "item_reference", id: "msg_1" }] }, "/input/1"],
  ])("is refused when it needs stored state: %j", (body, path) => {
    expect(() => nativeChanges({ input: "x", ...body })).toThrow(
      expect.objectContaining({ code: "invalid_request", details: [expect.objectContaining({ path })] }),
    );
  });
});

describe("the path of responses calls", () => {
  const path = (type: string, responses?: "native" | "translated") =>
    nativePathFor(adapterFor(type)!, "responses", quirksOf({ type, model: "m" }), { responses });

  it.each([
    ["openai", undefined, "/v1/responses"],
    ["openai", "translated", undefined],
    ["vllm", undefined, undefined],
    ["vllm", "native", "/v1/responses"],
    ["ollama", "native", "/v1/responses"],
    ["deepseek", "native", "/v1/responses"],
    ["anthropic", undefined, undefined],
    ["anthropic", "native", undefined],
  ] as const)("of type %s with the setting %j is %j", (type, setting, expected) => {
    expect(path(type, setting)).toBe(expected);
  });

  it("of other dialects is there where the provider has the dialect", () => {
    expect(nativePathFor(adapterFor("openai")!, "chat", {})).toBe("/v1/chat/completions");
    expect(nativePathFor(adapterFor("openai")!, "messages", {})).toBeUndefined();
    expect(nativePathFor(adapterFor("anthropic")!, "messages", {})).toBe("/v1/messages");
  });

  it("is missing for others, which have a translation", () => {
    for (const provider of ["chat", "messages"] as const)
      expect(translationFor("responses", provider)).toMatchObject({ caller: "responses", provider });
    expect(translationFor("responses", "responses")).toBeUndefined();
  });
});
