import { describe, expect, it, onTestFinished } from "vitest";
import { eventsOf, payloadsOf, recorded } from "../../adapters/translation/streams.ts";
import {
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  streamHead,
} from "../../support/upstream.ts";
import { events, onlyEvent, question, withProvider } from "./setup.ts";

const answer = JSON.stringify(chatAnswer("hello there"));
const head = (lines: string) => `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${lines}\r\n\r\n`;
const tail = { ...question, stream: true };

const unusable = /^the provider's response is not usable: /;

describe("the timeouts of an llm", () => {
  const late = {
    message: expect.stringMatching(/^the provider took too long/),
    type: "timeout_error",
    code: "provider_timeout",
    param: null,
  };

  it("return 502 for a connection that does not open in time, TLS included", async () => {
    // The provider accepts connections and sends nothing, so that no handshake ends.
    const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    onTestFinished(() => mute.stop(true));
    const { call, server } = await withProvider(goodProvider, {
      url: `https://127.0.0.1:${mute.port}`,
      timeouts: { connect: 0.1 },
    });
    const { status, body } = await call("POST", "/v1/chat/completions", question);
    const message = "the provider cannot be reached: no connection in time";
    expect([status, body.error]).toEqual([
      502,
      { message, type: "server_error", code: "provider_unreachable", param: null },
    ]);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_unreachable" });
  });

  it("return 504 for the first byte, and close the connection", async () => {
    const closed = Promise.withResolvers<void>();
    const { call, server } = await withProvider(
      (_, connection) => void connection.closed.then(closed.resolve),
      { timeouts: { firstByte: 0.1 } },
    );
    const { status, body } = await call("POST", "/v1/chat/completions", tail);
    expect([status, body.error]).toEqual([504, late]);
    await closed.promise;
    expect(await onlyEvent(server)).toMatchObject({ status: 504, streaming: true });
  });

  it("return 504 for silence in a response that is not streamed", async () => {
    const { call } = await withProvider(
      (_, connection) => connection.write(head("content-length: 5000") + answer),
      { timeouts: { silence: 0.5 } },
    );
    const { status, body } = await call("POST", "/v1/chat/completions", question);
    expect([status, body.error]).toEqual([504, late]);
  });

  it("end a silent stream with an error frame, and the usage so far is recorded", async () => {
    const closed = Promise.withResolvers<void>();
    const { call, server } = await withProvider(
      (_, connection) => {
        const usage = '{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}';
        connection.write(streamHead + chunk(chatFrames(["a"], false)[1]!) + chunk(`data: ${usage}\n\n`));
        void connection.closed.then(closed.resolve);
      },
      { timeouts: { silence: 0.5 } },
    );
    const { status, text } = await call("POST", "/v1/chat/completions", tail);
    expect(status).toBe(200);
    expect(text.startsWith(chatFrames(["a"], false)[1]!)).toBe(true);
    expect(payloadsOf(text).slice(1)).toEqual([{ error: late }, "[DONE]"]);
    await closed.promise;
    expect(await onlyEvent(server)).toMatchObject({
      status: 504,
      error: "provider_timeout",
      promptTokens: 7,
      completionTokens: 3,
    });
  });
});

describe("a fault in the middle of a stream", () => {
  it.each([
    { type: "openai", status: 500, code: 500, chat: "InternalServerError", messages: "api_error" },
    {
      type: "anthropic",
      status: 529,
      code: "provider_error",
      chat: "overloaded_error",
      messages: "overloaded_error",
    },
  ])("that a provider of type $type reports is sent in the caller's dialect", async (wrong) => {
    const { server, call } = await withProvider(
      (_, connection) => {
        // One write: the caller still gets the frames before the error.
        const frames = recorded(`${wrong.type}/error.sse`).toString();
        connection.write(streamHead + chunk(frames) + lastChunk);
      },
      { type: wrong.type },
    );
    const chat = (await call("POST", "/v1/chat/completions", tail)).text;
    const messages = (await call("POST", "/v1/messages", { ...tail, max_tokens: 9 })).text;
    for (const text of [chat, messages]) {
      expect(text).toContain("Once upon");
      expect(text.match(/"error":/g)).toHaveLength(1);
    }
    const message = expect.stringMatching(/Overloaded|EngineCore/);
    expect(payloadsOf(chat).slice(-2)).toEqual([
      { error: { message, type: wrong.chat, code: wrong.code, param: null } },
      "[DONE]",
    ]);
    expect(eventsOf(messages).at(-1)?.event).toBe("error");
    expect(payloadsOf(messages).at(-1)).toEqual({
      type: "error",
      error: { type: wrong.messages, message },
      request_id: expect.stringMatching(/^req_/),
    });
    expect(await events(server)).toMatchObject([{ status: wrong.status }, { status: wrong.status }]);
  });

  const frame = chatFrames(["a"], false)[1]!;
  it.each([
    ["is broken framing", "zz\r\n", unusable],
    ["is a [DONE] without a finish reason", chunk("data: [DONE]\n\n"), /without a finish reason$/],
    ["is an end without a finish reason", lastChunk, /before its response was complete$/],
  ])("that %s ends the stream with one error frame", async (_, wrong, message) => {
    const { server, call } = await withProvider((_asked, connection) =>
      connection.write(streamHead + chunk(frame) + wrong),
    );
    const { text } = await call("POST", "/v1/chat/completions", tail);
    expect(text.match(/"error"/g)).toHaveLength(1);
    expect(payloadsOf(text).slice(-2)).toMatchObject([
      { error: { message: expect.stringMatching(message), code: "provider_error" } },
      "[DONE]",
    ]);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_error" });
  });

  it("after the finish reason is no error, because the response is complete", async () => {
    const { server, call } = await withProvider(
      (_, connection) => {
        connection.write(streamHead);
        for (const each of chatFrames(["a"], true).slice(0, -1)) connection.write(chunk(each));
      },
      { timeouts: { silence: 0.5 } },
    );
    const { text } = await call("POST", "/v1/chat/completions", tail);
    expect(text).toBe(chatFrames(["a"], false).join(""));
    expect(await onlyEvent(server)).toMatchObject({ status: 200, completionTokens: 1 });
  });
});
