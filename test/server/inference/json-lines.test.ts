import { describe, expect, it } from "vitest";
import { recorded } from "../../adapters/translation/streams.ts";
import { chatFrames } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const chatPath = "/v1/chat/completions";
const streaming = { ...question, stream: true, max_tokens: 99 };

const answering = (body: string, llm: object = {}, piece = Number.POSITIVE_INFINITY) =>
  withProvider((_, connection) => {
    const bytes = Buffer.from(body);
    connection.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${bytes.length}\r\n\r\n`,
    );
    for (let at = 0; at < bytes.length; at += piece) connection.write(bytes.subarray(at, at + piece));
  }, llm);

const ollama = (message: object, more: object = { done: false }) =>
  `${JSON.stringify({ model: "up", created_at: "2026-11-29T10:00:00Z", message: { role: "assistant", ...message }, ...more })}\n`;
const end = { done: true, done_reason: "stop", prompt_eval_count: 7, eval_count: 3 };
const words =
  ollama({ content: "", thinking: "hm" }) + ollama({ content: "hello " }) + ollama({ content: "there" });

describe("a stream of Ollama's own lines (case 159)", () => {
  it("is served to callers of every dialect, with its thinking, its usage and its end", async () => {
    const { call, server } = await answering(
      words + ollama({ content: "" }, end),
      { responses: "translated" },
      11,
    );
    const chat = await call("POST", chatPath, { ...streaming, stream_options: { include_usage: true } });
    expect(chat.text).toMatch(
      /"reasoning":"hm"[\s\S]*"hello "[\s\S]*"finish_reason":"stop"[\s\S]*"prompt_tokens":7[\s\S]*\[DONE\]/,
    );
    expect((await onlyEvent(server)).promptTokens).toBe(7);
    const unasked = await call("POST", chatPath, streaming);
    expect(unasked.text).not.toContain("prompt_tokens");
    const messages = await call("POST", "/v1/messages", streaming);
    expect(messages.text).toMatch(
      /"thinking":"hm"[\s\S]*"text":"hello "[\s\S]*"output_tokens":3[\s\S]*message_stop/,
    );
    const responses = await call("POST", "/v1/responses", { model: "gpt", input: "hi", stream: true });
    expect(responses.text).toContain('"type":"response.completed"');
    expect(server.logged).toEqual([]);
  });

  it("reaches the caller line by line", async () => {
    const more = Promise.withResolvers<void>();
    const { server, bearer } = await withProvider(async (_, connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n");
      connection.write(ollama({ content: "hello " }));
      await more.promise;
      connection.end(ollama({ content: "there" }) + ollama({ content: "" }, end));
    });
    const caller = await postRaw(server.url, bearer, chatPath, streaming);
    await caller.until("hello ");
    expect(caller.text).not.toContain("there");
    more.resolve();
    await caller.until("[DONE]");
  });

  it("with calls of tools gives each call an id and its arguments as a text, with all digits", async () => {
    const calls = ["read", "write"].map((name) => ({ function: { name, arguments: { at: 1 } } }));
    const line = ollama({ content: "", tool_calls: calls }).replace('"at":1', '"at":12345678901234567890');
    const { call } = await answering(line + ollama({ content: "" }, end));
    const chat = await call("POST", chatPath, streaming);
    expect(chat.text).toMatch(
      /"id":"call_[^"]+","type":"function","function":\{"name":"read","arguments":"\{\\"at\\":12345678901234567890\}"/,
    );
    expect(chat.text).toContain('"finish_reason":"tool_calls"');
    const messages = await call("POST", "/v1/messages", streaming);
    expect(messages.text.match(/"type":"tool_use"/g)).toHaveLength(2);
    expect(messages.text).toContain('"stop_reason":"tool_use"');
  });

  it("with an error in the middle, or without an end, is no whole answer", async () => {
    for (const [rest, told] of [
      ['{"error":"the model runner has stopped"}\n', "the model runner has stopped"],
      ["", "before its response was complete"],
    ] as const) {
      const { call, server } = await answering(words + rest);
      for (const path of [chatPath, "/v1/messages"]) {
        const { text } = await call("POST", path, streaming);
        expect(text).toContain("hello ");
        expect(text).toContain(told);
        expect(text).not.toContain('"finish_reason":"stop"');
        expect(text).not.toContain("message_stop");
      }
      expect(server.logged).toEqual([]);
    }
  });

  it("is put together for a caller who asked for no stream, also from a single line", async () => {
    for (const lines of [
      words + ollama({ content: "" }, end),
      ollama({ content: "hello there", thinking: "hm" }, end),
      ollama({ content: "hello there", thinking: "hm" }, end).trim(),
    ]) {
      const { call, server } = await answering(lines);
      const { body } = await call("POST", chatPath, question);
      expect(body.choices[0]).toMatchObject({
        message: { content: "hello there", reasoning: "hm" },
        finish_reason: "stop",
      });
      expect(body.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3 });
      expect(await onlyEvent(server)).toMatchObject({ status: 200, promptTokens: 7 });
      const messages = await call("POST", "/v1/messages", { ...question, max_tokens: 9 });
      expect(messages.body.content.at(-1)).toEqual({ type: "text", text: "hello there" });
    }
  });

  it("that is one line where a stream was asked for is served as a stream", async () => {
    for (const line of [ollama({ content: "hi" }, end), ollama({ content: "hi" }, end).trim()]) {
      const { call } = await answering(line);
      expect((await call("POST", chatPath, streaming)).text).toMatch(
        /"hi"[\s\S]*"finish_reason":"stop"[\s\S]*\[DONE\]/,
      );
      expect((await call("POST", "/v1/messages", streaming)).text).toContain("message_stop");
    }
  });
});

/** The data of each frame in a line of its own. */
const asLines = (stream: string, lineEnd: string) =>
  stream
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => `${line.slice("data:".length).trim()}${lineEnd}`)
    .join("");

describe("a stream of events without `data:` (case 159)", () => {
  it.each(["\n", "\r\n", "\n\n"])("of chat is served, with line end %j", async (lineEnd) => {
    const { call } = await answering(asLines(chatFrames(["hello ", "there"], true).join(""), lineEnd));
    expect((await call("POST", chatPath, streaming)).text).toMatch(/"hello "[\s\S]*"there"[\s\S]*\[DONE\]/);
    expect((await call("POST", "/v1/messages", streaming)).text).toContain("message_stop");
    expect((await call("POST", chatPath, question)).body.choices[0].message.content).toBe("hello there");
  });

  it("of messages is served, and has the names of its events", async () => {
    const lines = asLines(Buffer.from(recorded("anthropic/parallel-tools.sse")).toString(), "\n");
    const { call } = await answering(lines, { type: "anthropic" });
    const { text } = await call("POST", "/v1/messages", streaming);
    expect(text).toMatch(/^event: message_start\n/);
    expect(text).toMatch(/event: message_stop\ndata: .*\n\n$/);
    expect((await call("POST", chatPath, streaming)).text).toContain('"finish_reason":"tool_calls"');
  });

  it("is not seen in a whole answer that is written over several lines", async () => {
    const body = {
      id: "c",
      object: "chat.completion",
      choices: [{ index: 0, message: { content: "hi" }, finish_reason: "stop" }],
    };
    const { call } = await answering(`${JSON.stringify(body, null, 2)}\n`);
    expect((await call("POST", chatPath, streaming)).text).toContain('"content":"hi"');
    expect((await call("POST", chatPath, question)).body).toEqual(body);
  });
});
