import { describe, expect, it } from "vitest";
import { passthroughPipe } from "../../../src/adapters/passthrough/index.ts";
import type { StreamPipe } from "../../../src/adapters/types.ts";
import { bytesOf, recorded, through } from "../translation/streams.ts";

const chat = () => passthroughPipe("chat", { stripUsage: false });
const stripping = () => passthroughPipe("chat", { stripUsage: true });
const messages = () => passthroughPipe("messages", { stripUsage: false });
const textOf = (out: Uint8Array | string | null) =>
  out instanceof Uint8Array ? Buffer.from(out).toString() : out;

const delta = (content: string) =>
  `data: {"choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`;
const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const usage = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n';
const done = "data: [DONE]\n\n";

/** Returns the output and state of a pipe after these texts. */
function sent(pipe: StreamPipe, ...texts: string[]) {
  return through(pipe, texts.map(bytesOf));
}

describe("a chat stream that passes through", () => {
  it("is returned as the very same array", () => {
    const pipe = chat();
    for (const frame of [delta("a"), finish, usage, done]) {
      const chunk = bytesOf(frame);
      expect(pipe.push(chunk)).toBe(chunk);
    }
    const whole = recorded("openai/text.sse");
    expect(chat().push(whole)).toBe(whole);
  });

  it("has its usage, finish and [DONE] read, and is not misread for its text", () => {
    const { text, ...state } = through(chat(), [recorded("openai/text.sse")]);
    expect(state).toEqual({
      finished: true,
      done: true,
      usage: { promptTokens: 24, completionTokens: 9, cachedTokens: 16 },
      fault: undefined,
    });
  });

  it("is done with the push that returns the terminal frame, and not before", () => {
    const pipe = chat();
    pipe.push(bytesOf(finish));
    expect([pipe.finished, pipe.done]).toEqual([true, false]);
    expect(pipe.push(bytesOf("data: [DO"))).toBeNull();
    expect(pipe.push(bytesOf("NE]\n"))).toBeNull();
    expect(pipe.done).toBe(false);
    expect(textOf(pipe.push(bytesOf("\n")))).toBe(done);
    expect(pipe.done).toBe(true);
    expect(pipe.push(bytesOf(delta("late")))).toBeNull();
    expect(pipe.end()).toBeNull();
  });

  it("ends with [DONE]: the rest of the chunk is not sent (case 60)", () => {
    expect(sent(chat(), finish + done + delta("late")).text).toBe(finish + done);
  });

  it.each([
    ["Python's space after the colon", 'data: {"choices": [{"delta": {}, "finish_reason": "length"}]}\n\n'],
    ["CRLF", 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\r\n\r\n'],
    ["CR", 'data:{"choices":[{"delta":{},"finish_reason":"stop"}]}\r\r'],
    ["data over two lines", 'data: {"choices":[{"delta":{},"finish_reason":\ndata: "stop"}]}\n\n'],
  ])("has its finish read with %s (case 61)", (_name, frame) => {
    const outcome = sent(chat(), delta("a") + frame, done);
    expect(outcome).toMatchObject({ text: delta("a") + frame + done, finished: true, done: true });
  });

  it("is held at a CR after an LF: the next byte tells a blank line from half a CRLF (case 62)", () => {
    const frame = finish.slice(0, -1);
    const mixed = chat();
    expect(mixed.push(bytesOf(`${frame}\r`))).toBeNull();
    expect(textOf(mixed.push(bytesOf("d")))).toBe(`${frame}\r`);
    const whole = chat();
    expect(whole.push(bytesOf(`${frame}\r`))).toBeNull();
    expect(textOf(whole.push(bytesOf("\n")))).toBe(`${frame}\r\n`);
  });

  it.each([
    ["null", '"finish_reason": null'],
    ["empty", '"finish_reason":""'],
    ["inside text", '"delta":{"content":"\\"finish_reason\\":\\"stop\\""}'],
    ["a whole text", '"delta":{"content":"finish_reason"}'],
  ])("is not finished by a finish reason that is %s", (_name, member) => {
    const frame = `data: {"choices":[{${member}}],"usage":null}\n\n`;
    expect(sent(chat(), frame)).toMatchObject({ text: frame, finished: false, done: false });
  });

  it("gets [DONE] where a finished provider leaves it out, or only its blank line", () => {
    expect(sent(chat(), delta("a"), finish, usage)).toMatchObject({
      text: delta("a") + finish + usage + done,
      done: true,
      usage: { promptTokens: 7 },
    });
    expect(sent(chat(), finish + done.trim()).text).toBe(finish + done);
    expect(sent(chat(), finish.trim())).toMatchObject({ text: finish + done, finished: true, done: true });
  });

  it("is not ended when it was cut, and loses its half frame (case 60)", () => {
    expect(sent(chat(), delta("a"), delta("b").slice(0, 30))).toMatchObject({
      text: delta("a"),
      finished: false,
      done: false,
    });
    expect(sent(chat(), finish, usage.slice(0, 30)).text).toBe(finish + done);
  });

  it("has failed when [DONE] comes without a finish reason: some gateways drop errors so", () => {
    const outcome = sent(chat(), delta("a"), done);
    expect(outcome).toMatchObject({ text: delta("a"), finished: false, done: false });
    expect(outcome.fault?.message).toContain("without a finish reason");
  });

  it("ends before a provider's error (case 59)", () => {
    const { text, fault, finished } = through(chat(), [recorded("openai/error.sse")]);
    expect(fault).toMatchObject({
      message: "EngineCore encountered an issue. See stack trace (above) for the root cause.",
      type: "InternalServerError",
      status: 500,
    });
    expect(text).toContain("Once upon");
    expect(text).not.toContain("EngineCore");
    expect(text).not.toContain("[DONE]");
    expect(finished).toBe(false);
  });

  it.each([
    ["vLLM's older shape", '{"object":"error","message":"boom","code":400}'],
    ["a bare string", '{"error":"boom"}'],
    ["a spaced one", '{ "error" : { "message" : "boom" } }'],
  ])("has failed with an error in %s", (_name, data) => {
    expect(sent(chat(), `data: ${data}\n\n`)).toMatchObject({ text: "", fault: { message: "boom" } });
  });

  it("has not failed with an error that is null, or a tool called error", () => {
    const frames =
      'data: {"error":null,"choices":[]}\n\ndata: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"error"}}]}}]}\n\n';
    expect(sent(chat(), frames)).toMatchObject({ text: frames, fault: undefined });
  });

  it("passes text that is not JSON, comments and unknown fields", () => {
    const frames = `: ping\n\ndata: {"usage" broken\n\nevent: x\ndata: "error"\n\n`;
    expect(sent(chat(), frames)).toMatchObject({ text: frames, fault: undefined });
  });

  it("passes a cut frame beyond 256 KiB, and is read again after it (case 64)", () => {
    const image = delta("x".repeat(400_000));
    const pipe = chat();
    const first = bytesOf(image.slice(0, 300_000));
    expect(textOf(pipe.push(first))).toBe(image.slice(0, 300_000));
    expect(textOf(pipe.push(bytesOf(image.slice(300_000, -1))))).toBe(image.slice(300_000, -1));
    expect(textOf(pipe.push(bytesOf(`\n${finish}${done}`)))).toBe(`\n${finish}${done}`);
    expect([pipe.finished, pipe.done]).toEqual([true, true]);
  });

  it("takes linear time when a large frame comes in tiny pieces", () => {
    const frame = bytesOf(delta("x".repeat(250_000)));
    const pieces = Array.from({ length: frame.length }, (_, at) => frame.subarray(at, at + 1));
    expect(through(chat(), pieces).text).toHaveLength(frame.length);
  });
});

describe("a chat stream without the usage that the caller did not ask for", () => {
  it("loses the extra frame and nothing else", () => {
    const outcome = sent(stripping(), delta("a"), finish + usage + done);
    expect(outcome.text).toBe(delta("a") + finish + done);
    expect(outcome.usage).toEqual({ promptTokens: 7, completionTokens: 3, cachedTokens: 0 });
    expect(sent(stripping(), usage)).toMatchObject({ text: "", finished: false });
  });

  it("keeps usage that comes with choices, and frames with neither", () => {
    const withChoices =
      'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n';
    const filters = 'data: {"choices":[],"prompt_filter_results":[],"usage":null}\n\n';
    expect(sent(stripping(), filters, withChoices, done).text).toBe(filters + withChoices + done);
  });

  it("is the same array where nothing is removed", () => {
    const chunk = bytesOf(delta("a") + finish);
    expect(stripping().push(chunk)).toBe(chunk);
  });
});

describe("a messages stream that passes through", () => {
  it("has the counts of message_delta instead of those of message_start, also the cached ones (case 58)", () => {
    const bytes = recorded("anthropic/text.sse");
    const pipe = messages();
    expect(pipe.push(bytes)).toBe(bytes);
    expect(pipe).toMatchObject({
      finished: true,
      done: true,
      usage: { promptTokens: 126, completionTokens: 12, cachedTokens: 100 },
    });
  });

  it("is cut before the reason for its end, and whole behind it: message_stop is added (case 160)", () => {
    const text = Buffer.from(recorded("anthropic/text.sse")).toString();
    const cut = text.slice(0, text.indexOf("event: message_delta"));
    expect(sent(messages(), cut)).toMatchObject({ text: cut, finished: false, done: false });
    const unreasoned = `${cut}event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":null}}\n\n`;
    expect(sent(messages(), unreasoned)).toMatchObject({ text: unreasoned, finished: false });
    const unended = text.slice(0, text.indexOf("event: message_stop"));
    expect(sent(messages(), unended)).toMatchObject({ text, finished: true, done: true });
    expect(sent(messages(), text.trim())).toMatchObject({ text, finished: true, done: true });
  });

  it("is a fault when its reason says that the provider broke off", () => {
    const text = Buffer.from(recorded("anthropic/text.sse"))
      .toString()
      .replace('"end_turn"', '"network_error"');
    const outcome = through(messages(), [bytesOf(text)]);
    expect(outcome.fault?.message).toContain('"network_error"');
    expect(outcome.text).not.toContain("event: message_stop");
  });

  it("ends before a provider's error", () => {
    const { text, fault } = through(messages(), [recorded("anthropic/error.sse")]);
    expect(fault).toMatchObject({ message: "Overloaded", type: "overloaded_error", status: 529 });
    expect(text).toContain("Once upon");
    expect(text).not.toContain("overloaded_error");
  });
});
