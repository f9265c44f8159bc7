import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { translationFor } from "../../../src/adapters/translation/index.ts";
import { AppError } from "../../../src/errors.ts";
import { dialects } from "../../../src/wire/dialects/index.ts";
import { errorOf, fixedId, recorded, recordedJson, through } from "./streams.ts";

/** The official SDKs read translated answers. */

const toChat = translationFor("chat", "messages", () => 1_780_000_000_000, fixedId)!;
const toMessages = translationFor("messages", "chat", Date.now, fixedId)!;
const user = [{ role: "user" as const, content: "hello" }];

function openaiOn(body: string, headers: Record<string, string>, status = 200) {
  const fetch = async () => new Response(body, { status, headers });
  return new OpenAI({ apiKey: "k", baseURL: "http://gateway.test/v1", maxRetries: 0, fetch }).chat
    .completions;
}

function anthropicOn(body: string, headers: Record<string, string>, status = 200) {
  const fetch = async () => new Response(body, { status, headers });
  return new Anthropic({ apiKey: "k", baseURL: "http://gateway.test", maxRetries: 0, fetch }).messages;
}

const sse = { "content-type": "text/event-stream" };
const json = { "content-type": "application/json" };

describe("OpenAI's SDK reads Anthropic's answers", () => {
  const streamed = (recording: string) => {
    const { text } = through(toChat.stream("mine", { stream_options: { include_usage: true } }), [
      recorded(recording),
    ]);
    return openaiOn(text, sse).stream({ model: "mine", messages: user }).finalChatCompletion();
  };

  it("streamed text with usage (cases 45, 49, 57)", async () => {
    expect(await streamed("anthropic/text.sse")).toMatchObject({
      id: `chatcmpl-${fixedId()}`,
      created: 1_780_000_000,
      model: "mine",
      choices: [
        {
          finish_reason: "stop",
          message: { content: 'Grüße aus 東京 👋🏽: "type":"message_stop" and "error"\n' },
        },
      ],
      usage: { prompt_tokens: 126, completion_tokens: 12, total_tokens: 138 },
    });
  });

  it("streamed parallel tool calls (cases 50, 51, 52)", async () => {
    const [choice] = (await streamed("anthropic/parallel-tools.sse")).choices;
    expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { content: "I'll look both up." } });
    expect(choice?.message.tool_calls).toMatchObject([
      {
        id: "toolu_01A",
        type: "function",
        function: { name: "get_weather", arguments: '{"city": "Zürich"}' },
      },
      { id: "toolu_01B", type: "function", function: { name: "list_zones", arguments: "{}" } },
    ]);
  });

  it("a streamed answer around a search at the provider (cases 47, 55)", async () => {
    const [choice] = (await streamed("anthropic/server-tools.sse")).choices;
    expect(choice).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: 'Sunny, 21 °C. 👋 "\\\n', tool_calls: [{ id: "toolu_01C" }] },
    });
    expect(choice?.message.tool_calls).toHaveLength(1);
  });

  it("a streamed refusal (case 44)", async () => {
    const [choice] = (await streamed("anthropic/refusal.sse")).choices;
    expect(choice).toMatchObject({
      finish_reason: "content_filter",
      message: { content: "I", refusal: "The request asks for malware." },
    });
  });

  it("an answer of a given form through the json tool, parsed (case 36)", async () => {
    const schema = { type: "object", properties: { n: { type: "integer" } } };
    const response_format = { type: "json_schema" as const, json_schema: { name: "x", schema } };
    const use = { type: "tool_use", id: "t", name: "json", input: { n: 1 } };
    const answered = { id: "msg_1", content: [use], stop_reason: "tool_use" };
    const body = JSON.stringify(toChat.response(answered, "mine", { response_format }));
    const answer = await openaiOn(body, json).parse({ model: "mine", messages: user, response_format });
    expect(answer.choices[0]?.message).toMatchObject({ content: '{"n":1}', parsed: { n: 1 } });
  });

  it("a whole answer", async () => {
    const body = JSON.stringify(toChat.response(recordedJson("anthropic/text.json"), "mine"));
    const answer = await openaiOn(body, json).create({ model: "mine", messages: user });
    expect(answer.choices[0]?.message.content).toBe("Grüße aus 東京.");
  });

  it("an error in the stream, as an error (case 59)", async () => {
    const { text, fault } = through(toChat.stream("mine", {}), [recorded("anthropic/error.sse")]);
    const frames = dialects.chat.errorFrames(errorOf(fault!, "anthropic"), "r1");
    const stream = openaiOn(text + frames, sse).stream({ model: "mine", messages: user });
    await expect(stream.finalChatCompletion()).rejects.toMatchObject({
      error: { message: "Overloaded", type: "overloaded_error" },
    });
  });

  it("an error body, as the error of its status (case 74)", async () => {
    const body = JSON.stringify(
      dialects.chat.errorBody(new AppError("too_many_requests", "slow down"), "r1"),
    );
    await expect(openaiOn(body, json, 429).create({ model: "mine", messages: user })).rejects.toMatchObject({
      status: 429,
      type: "rate_limit_error",
      code: "too_many_requests",
    });
  });
});

describe("Anthropic's SDK reads chat answers", () => {
  const streamed = (recording: string) => {
    const { text } = through(toMessages.stream("mine", {}), [recorded(recording)]);
    return anthropicOn(text, sse).stream({ model: "mine", max_tokens: 9, messages: user }).finalMessage();
  };

  it("streamed text with usage that came behind the finish (cases 70, 71)", async () => {
    expect(await streamed("openai/text.sse")).toMatchObject({
      id: `msg_${fixedId()}`,
      model: "mine",
      stop_reason: "end_turn",
      content: [
        { type: "text", text: 'Grüße aus 東京 👋🏽. Say "usage": "finish_reason": [DONE]\n\\ "error".' },
      ],
      usage: { input_tokens: 8, cache_read_input_tokens: 16, output_tokens: 9 },
    });
  });

  it("streamed parallel tool calls (case 68)", async () => {
    expect(await streamed("openai/parallel-tools.sse")).toMatchObject({
      stop_reason: "tool_use",
      content: [
        {
          type: "tool_use",
          id: expect.stringMatching(/_call_Ab1$/),
          name: "get_weather",
          input: { city: "Zürich" },
        },
        {
          type: "tool_use",
          id: expect.stringMatching(/_call_Cd2$/),
          name: "get_time",
          input: { zone: "CET" },
        },
      ],
    });
  });

  it("streamed reasoning, text and interleaved tool calls, in order (cases 68, 69)", async () => {
    const { content, stop_reason } = await streamed("openai/vllm-tools.sse");
    expect(stop_reason).toBe("tool_use");
    expect(content.map(({ type }) => type)).toEqual(["thinking", "text", "tool_use", "tool_use"]);
    expect(content[2]).toMatchObject({ name: "get_weather", input: { city: "Zürich" } });
  });

  it("a streamed refusal, with its details (case 44)", async () => {
    expect(await streamed("openai/refusal.sse")).toMatchObject({
      stop_reason: "refusal",
      stop_details: { type: "refusal" },
      content: [{ type: "text", text: "I'm sorry, I can't help with that." }],
    });
  });

  it("streamed reasoning, as signed thinking (case 69)", async () => {
    expect((await streamed("openai/reasoning.sse")).content).toMatchObject([
      {
        type: "thinking",
        thinking: "The user asks for 2+2.",
        signature: expect.stringMatching(/^mcpctl\.1\./),
      },
      { type: "text", text: "\n\n4." },
    ]);
  });

  it("a whole answer", async () => {
    const body = JSON.stringify(toMessages.response(recordedJson("openai/tools.json"), "mine"));
    const answer = await anthropicOn(body, json).create({ model: "mine", max_tokens: 9, messages: user });
    expect(answer.content).toMatchObject([{ name: "get_weather" }, { name: "get_time", input: {} }]);
  });

  it("an error in the stream, as an error", async () => {
    const { text, fault } = through(toMessages.stream("mine", {}), [recorded("openai/error.sse")]);
    const frames = dialects.messages.errorFrames(errorOf(fault!, "openai"), "r1");
    const stream = anthropicOn(text + frames, sse).stream({ model: "mine", max_tokens: 9, messages: user });
    await expect(stream.finalMessage()).rejects.toMatchObject({ error: { error: { type: "api_error" } } });
  });

  it("an error body, as the error of its status (case 74)", async () => {
    const body = JSON.stringify(dialects.messages.errorBody(new AppError("not_found", "no such llm"), "r1"));
    await expect(
      anthropicOn(body, json, 404).create({ model: "x", max_tokens: 9, messages: user }),
    ).rejects.toMatchObject({
      status: 404,
      error: { type: "error", error: { type: "not_found_error" }, request_id: "r1" },
    });
  });
});
