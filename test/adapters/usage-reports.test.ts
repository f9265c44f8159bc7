import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { passthroughPipe } from "../../src/adapters/passthrough/index.ts";
import { ChatFromMessages } from "../../src/adapters/translation/chat-to-messages/stream.ts";
import { MessagesFromChat } from "../../src/adapters/translation/messages-to-chat/stream.ts";
import { ResponsesFromChat } from "../../src/adapters/translation/responses-to-chat/stream.ts";
import { chatUsage, chunkUsage } from "../../src/wire/dialects/chat.ts";
import { messagesUsage } from "../../src/wire/dialects/messages.ts";

interface Report {
  prompt: number;
  output: number;
}

const frame = (body: object) => Buffer.from(`data: ${JSON.stringify(body)}\n\n`);
const chunk = (fields: object) => frame({ id: "c", choices: [], ...fields });

/** The reports of one answer as a chat stream. */
function chatStream(reports: readonly Report[]): Buffer {
  const counts = reports.map(({ prompt, output }) =>
    chunk({ usage: { prompt_tokens: prompt, completion_tokens: output, total_tokens: prompt + output } }),
  );
  const text = chunk({ choices: [{ index: 0, delta: { content: "a" } }] });
  const stop = chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  return Buffer.concat([text, ...counts, stop, Buffer.from("data: [DONE]\n\n")]);
}

/** The reports of one answer as an Anthropic stream: the first in `message_start`, the others in `message_delta`. */
function messagesStream([first, ...others]: readonly Report[]): Buffer {
  const event = (type: string, fields: object) =>
    Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  const counts = ({ prompt, output }: Report) => ({ input_tokens: prompt, output_tokens: output });
  return Buffer.concat([
    event("message_start", { message: { id: "m", role: "assistant", content: [], usage: counts(first!) } }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "a" } }),
    event("content_block_stop", { index: 0 }),
    ...others.map((report) =>
      event("message_delta", { delta: { stop_reason: "end_turn" }, usage: counts(report) }),
    ),
    event("message_delta", { delta: { stop_reason: "end_turn" } }),
    event("message_stop", {}),
  ]);
}

const pipes = {
  "chat to chat": [() => passthroughPipe("chat", { stripUsage: false }), chatStream],
  "messages to chat": [() => new MessagesFromChat("m"), chatStream],
  "responses to chat": [() => new ResponsesFromChat("m", {}, () => 0), chatStream],
  "messages to messages": [() => passthroughPipe("messages", { stripUsage: false }), messagesStream],
  "chat to messages": [() => new ChatFromMessages("m", 0, { includeUsage: true }), messagesStream],
} as const;

describe("several reports of usage in one stream (case 116)", () => {
  const report = fc.record({ prompt: fc.nat(5000), output: fc.nat(5000) });

  it.each(Object.entries(pipes))(
    "%s: the larger prompt and the larger output count, in any order",
    (_, [make, stream]) => {
      fc.assert(
        fc.property(fc.array(report, { minLength: 1, maxLength: 5 }), (reports) => {
          const pipe = make();
          pipe.push(stream(reports));
          const most = (name: keyof Report) => Math.max(...reports.map((one) => one[name]));
          expect(pipe.usage).toMatchObject({
            promptTokens: most("prompt"),
            completionTokens: most("output"),
          });
        }),
        { numRuns: 50 },
      );
    },
  );

  it("keeps the details of the prompt that counts", () => {
    const pipe = passthroughPipe("chat", { stripUsage: false });
    const details = { prompt_tokens_details: { cached_tokens: 400, cache_write_tokens: 100 } };
    pipe.push(chunk({ usage: { prompt_tokens: 1500, completion_tokens: 1, ...details } }));
    pipe.push(chunk({ usage: { prompt_tokens: 0, completion_tokens: 7 } }));
    expect(pipe.usage).toEqual({
      promptTokens: 1500,
      completionTokens: 7,
      cachedTokens: 400,
      cacheWriteTokens: 100,
    });
  });

  it("takes a later split of the same prompt into cached and new tokens, and does not add the two up", () => {
    const pipe = passthroughPipe("messages", { stripUsage: false });
    const event = (type: string, fields: object) => frame({ type, ...fields });
    pipe.push(event("message_start", { message: { usage: { input_tokens: 1500, output_tokens: 1 } } }));
    const split = { input_tokens: 500, cache_read_input_tokens: 1000, output_tokens: 9 };
    pipe.push(event("message_delta", { delta: {}, usage: split }));
    expect(pipe.usage).toEqual({ promptTokens: 1500, completionTokens: 9, cachedTokens: 1000 });
  });
});

describe("the parts of a report (case 115)", () => {
  it("are cache writes by the time for which they are kept", () => {
    const creation = { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 200 };
    const usage = {
      input_tokens: 10,
      cache_creation_input_tokens: 500,
      output_tokens: 5,
      cache_creation: creation,
    };
    expect(messagesUsage(usage)).toEqual({
      promptTokens: 510,
      completionTokens: 5,
      cachedTokens: 0,
      cacheWriteTokens: 500,
      cacheWrite1hTokens: 200,
    });
    // Without the sum, or with one that is too small.
    for (const sum of [undefined, null, 0])
      expect(messagesUsage({ ...usage, cache_creation_input_tokens: sum })?.cacheWriteTokens, `${sum}`).toBe(
        500,
      );
    expect(messagesUsage({ ...usage, cache_creation: null })).toMatchObject({ cacheWriteTokens: 500 });
  });

  it("are reasoning that only the total has, and not tokens of another kind", () => {
    const counts = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 115 };
    const reasoning = { completion_tokens_details: { reasoning_tokens: 100 } };
    expect(chatUsage({ ...counts, ...reasoning })?.completionTokens).toBe(105);
    expect(chatUsage({ ...counts, ...reasoning, total_tokens: 15 })?.completionTokens).toBe(5);
    // Gemini names them nowhere (case 153); a total may also have cached tokens that the prompt lacks.
    expect(chatUsage(counts)?.completionTokens).toBe(105);
    expect(chatUsage({ ...counts, cached_tokens: 100 })?.completionTokens).toBe(5);
    // Embeddings have no completion.
    expect(chatUsage({ prompt_tokens: 10, total_tokens: 15 })?.completionTokens).toBe(0);
  });

  it("are the runs of the model within one call of messages, all of which are billed (case 153)", () => {
    const compaction = { type: "compaction", input_tokens: 5000, output_tokens: 300 };
    const message = { type: "message", input_tokens: 100, output_tokens: 5, cache_read_input_tokens: 40 };
    const usage = { input_tokens: 100, output_tokens: 5, cache_read_input_tokens: 40 };
    const sum = { promptTokens: 5140, completionTokens: 305, cachedTokens: 40 };
    expect(messagesUsage({ ...usage, iterations: [compaction, message] })).toEqual(sum);
    for (const iterations of [undefined, null, [], "x", [null, 7], [{ ...message, input_tokens: 1 }]])
      expect(messagesUsage({ ...usage, iterations }), JSON.stringify(iterations)).toEqual({
        promptTokens: 140,
        completionTokens: 5,
        cachedTokens: 40,
      });
  });

  it("are read where Kimi puts them (case 153)", () => {
    expect(chatUsage({ prompt_tokens: 100, completion_tokens: 5, cached_tokens: 60 })?.cachedTokens).toBe(60);
    const usage = { prompt_tokens: 100, completion_tokens: 5 };
    expect(chunkUsage({ choices: [{ finish_reason: "stop", usage }] })).toEqual(usage);
    expect(chunkUsage({ choices: [{ usage: null }] })).toBeUndefined();
  });

  it.each([-7, Number.NaN, "100", null, {}])("are 0 for a count of %j", (count) => {
    expect(chatUsage({ prompt_tokens: count, completion_tokens: count })).toMatchObject({
      promptTokens: 0,
      completionTokens: 0,
    });
  });

  it("are tokens of images and audio, and seconds, in answers of those", () => {
    const image = { input_tokens: 50, output_tokens: 4160, input_tokens_details: { image_tokens: 10 } };
    expect(chatUsage(image)).toEqual({
      promptTokens: 50,
      completionTokens: 4160,
      cachedTokens: 0,
      imageInputTokens: 10,
    });
    const audio = {
      type: "tokens",
      input_tokens: 14,
      output_tokens: 4,
      input_token_details: { audio_tokens: 14 },
    };
    expect(chatUsage(audio)).toMatchObject({ promptTokens: 14, completionTokens: 4, audioInputTokens: 14 });
    expect(chatUsage({ type: "duration", seconds: 9 })).toMatchObject({ promptTokens: 0, seconds: 9 });
  });

  it("are found where Groq puts them, and are nothing where they are no numbers", () => {
    const pipe = passthroughPipe("chat", { stripUsage: false });
    pipe.push(chunk({ x_groq: { usage: { prompt_tokens: 10, completion_tokens: 5 } } }));
    expect(pipe.usage).toMatchObject({ promptTokens: 10, completionTokens: 5 });
    expect(chatUsage({ prompt_tokens: "12", completion_tokens: null })).toMatchObject({
      promptTokens: 0,
      completionTokens: 0,
    });
  });
});
