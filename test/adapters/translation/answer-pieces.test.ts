import { describe, expect, it } from "vitest";
import { AnswerPieces, withCalls } from "../../../src/adapters/translation/answer-pieces.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { SseParser, sseFrame } from "../../../src/wire/sse.ts";

const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };

describe("the pieces of a chat answer (case 156)", () => {
  it("are read from the whole message of a server that does not stream, once", () => {
    const pieces = new AnswerPieces();
    expect(pieces.of({ message: { content: "hi", tool_calls: [call] } })).toEqual({
      content: "hi",
      tool_calls: [{ index: 0, ...call }],
    });
    expect(pieces.of({ finish_reason: "stop" })).toEqual({});
  });

  it("are not read again from the message behind them", () => {
    const pieces = new AnswerPieces();
    pieces.of({ delta: { role: "assistant" } });
    pieces.of({ delta: { content: "hi" } });
    expect(pieces.of({ message: { content: "hi" } })).toEqual({});
  });

  it("have the call in the form of before tools among their calls", () => {
    const function_call = { name: "f", arguments: "{}" };
    expect(withCalls({ function_call }).tool_calls).toEqual([
      { index: 0, type: "function", function: function_call },
    ]);
    // Some servers send both.
    expect(withCalls({ function_call, tool_calls: [call] }).tool_calls).toEqual([call]);
    for (const none of [null, undefined, "x"])
      expect(withCalls({ function_call: none })).not.toHaveProperty("tool_calls");
  });

  it.each(["messages", "responses"] as const)("reach callers of %s as a call", (caller) => {
    const frames = [{ name: "f", arguments: "" }, { arguments: '{"a":' }, { arguments: "1}" }].map(
      (function_call) => ({ choices: [{ index: 0, delta: { function_call } }] }),
    );
    const translation = translationFor(caller, "chat")!;
    const pipe = translation.stream("m", { tools: [{ type: "function", name: "f" }] });
    const end = { choices: [{ index: 0, delta: {}, finish_reason: "function_call" }] };
    const text = [...frames, end].map((one) =>
      pipe.push(Buffer.from(sseFrame({ data: JSON.stringify(one) }))),
    );
    const all = [...text, pipe.end()].filter(Boolean).join("");
    expect(pipe.fault).toBeUndefined();
    expect(all).toContain(caller === "messages" ? '"stop_reason":"tool_use"' : '"arguments":"{\\"a\\":1}"');
  });

  it("may come with events without data between them", () => {
    const pipe = translationFor("messages", "chat")!.stream("m", {});
    const chunk = { choices: [{ delta: { content: "hi" }, finish_reason: "stop" }] };
    const bytes = Buffer.from(`data: \n\ndata:\n\n${sseFrame({ data: JSON.stringify(chunk) })}`);
    expect(pipe.push(bytes)).toContain("hi");
    expect(pipe.fault).toBeUndefined();
  });
});

describe("images and speech of a chat answer (case 203)", () => {
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
  const note = "[The model made an image, which cannot be shown here.]";

  it.each([
    [{ content: "Here: ", images: [image] }, `Here: ${note}`],
    [{ content: [{ type: "text", text: "Here: " }, image, image] }, `Here: ${note}\n${note}`],
    [{ content: null, audio: { id: "a", data: "AAAA", transcript: "Hello." } }, "Hello."],
  ])("are words for callers of other dialects: %j", (message, text) => {
    for (const caller of ["messages", "responses"] as const) {
      const translation = translationFor(caller, "chat")!;
      const choices = [{ index: 0, message, finish_reason: "stop" }];
      expect(JSON.stringify(translation.response({ choices }, "m", {}))).toContain(JSON.stringify(text));
      const pipe = translation.stream("m", {});
      const chunk = { choices: [{ index: 0, delta: message, finish_reason: "stop" }] };
      expect(pipe.push(Buffer.from(sseFrame({ data: JSON.stringify(chunk) })))).toContain(
        JSON.stringify(text),
      );
    }
  });
});

describe("an error in a field of its own (case 156)", () => {
  it("is read as llama.cpp sends it", () => {
    const error = { code: 500, message: "slot died" };
    expect(new SseParser().push(Buffer.from(`error: ${JSON.stringify(error)}\n\n`))).toEqual([
      { event: "message", data: JSON.stringify({ error }) },
    ]);
  });

  it("is no error in words: other fields are skipped", () => {
    expect(new SseParser().push(Buffer.from("error: none\nerrors: {}\n\n"))).toEqual([]);
  });
});
