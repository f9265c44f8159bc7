import { describe, expect, it } from "vitest";
import { chunk, lastChunk, streamHead } from "../../support/upstream.ts";
import { question, withProvider } from "./setup.ts";

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const responsesPath = "/v1/responses";
const streaming = { ...question, stream: true, max_tokens: 99 };

/** A provider of a type that answers with a stream. */
const answering = (type: string, frames: string) =>
  withProvider((_, connection) => connection.write(streamHead + chunk(frames) + lastChunk), { type });

describe("a stream of chat whose choices have no deltas (case 202)", () => {
  it.each([
    ["the whole message", { message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
    ["the text of completions", { text: "hi", finish_reason: "stop" }],
  ])("is read where they have %s", async (_, choice) => {
    const chunk = { id: "c", object: "chat.completion.chunk", choices: [{ index: 0, ...choice }] };
    const frames = `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`;
    const { call } = await answering("openai", frames);
    const whole = await call("POST", chatPath, question);
    expect(whole.body.choices[0].message.content).toBe("hi");
    expect((await call("POST", messagesPath, streaming)).text).toContain('"text":"hi"');
  });
});

describe("a stream of messages that is wanted whole (case 204)", () => {
  it("has its citations, its compaction and the text whose start was left out", async () => {
    const citation = { type: "web_search_result_location", url: "https://x", cited_text: "c" };
    const event = (type: string, fields: object) =>
      `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
    const piece = (index: number, delta: object) => event("content_block_delta", { index, delta });
    const frames = [
      event("message_start", { message: { id: "m", type: "message", role: "assistant", content: [] } }),
      event("content_block_start", { index: 0, content_block: { type: "compaction", content: null } }),
      piece(0, { type: "compaction_delta", content: "so far" }),
      event("content_block_start", { index: 1, content_block: { type: "text", text: "", citations: [] } }),
      piece(1, { type: "citations_delta", citation }),
      piece(1, { type: "text_delta", text: "a" }),
      piece(2, { type: "text_delta", text: "b" }),
      event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } }),
      event("message_stop", {}),
    ];
    const { call } = await answering("anthropic", frames.join(""));
    const { body } = await call("POST", messagesPath, { ...question, max_tokens: 9 });
    expect(body.content).toEqual([
      { type: "compaction", content: "so far" },
      { type: "text", text: "a", citations: [citation] },
      { type: "text", text: "b" },
    ]);
  });
});

describe("a stream of responses whose last event lacks its items (case 201)", () => {
  it("is an answer with the items that were streamed", async () => {
    const item = {
      ...{ id: "msg_1", type: "message", role: "assistant", status: "completed" },
      content: [{ type: "output_text", text: "hi", annotations: [] }],
    };
    const response = { id: "resp_1", object: "response", status: "completed", output: [], usage: null };
    const text = [
      { type: "response.created", response: { ...response, status: "in_progress" } },
      { type: "response.output_item.done", output_index: 0, item },
      { type: "response.completed", response },
    ];
    const frames = text.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    const { call } = await answering("openai", frames.join(""));
    const { status, body } = await call("POST", responsesPath, { model: "gpt", input: "hi" });
    expect([status, body.output]).toEqual([200, [item]]);
  });
});
