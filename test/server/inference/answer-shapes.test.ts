import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { WholeAnswerPipe } from "../../../src/adapters/shapes/whole-answer-pipe.ts";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { chatAnswer, chatFrames, reply } from "../../support/upstream.ts";
import { onlyEvent, question, withProvider } from "./setup.ts";

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const responsesPath = "/v1/responses";
const streaming = { ...question, stream: true, max_tokens: 99 };

/** An answer with a content type, or without one. */
const answer = (body: string | Uint8Array, type?: string) => {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 200 OK\r\n${type === undefined ? "" : `content-type: ${type}\r\n`}content-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
};

const answering = (type: string, bytes: Uint8Array, piece = Number.POSITIVE_INFINITY) =>
  withProvider(
    (_, connection) => {
      for (let at = 0; at < bytes.length; at += piece) connection.write(bytes.subarray(at, at + piece));
    },
    { type },
  );

describe("a stream under another content type (case 89)", () => {
  it.each(["text/plain", "application/json", "application/octet-stream", undefined])(
    "%s is a stream for callers of both dialects",
    async (type) => {
      const { call, server } = await answering("openai", answer(chatFrames(["hi"], true).join(""), type), 3);
      const chat = await call("POST", chatPath, streaming);
      expect([chat.status, chat.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
      expect(chat.text).toContain('"hi"');
      expect(chat.text).toContain("[DONE]");
      const messages = await call("POST", messagesPath, streaming);
      expect(messages.text).toContain("message_stop");
      expect(server.logged).toEqual([]);
    },
  );

  it("without an end is an error, as any other stream", async () => {
    const [first] = chatFrames(["hi"], true) as [string];
    const { call, server } = await answering("openai", answer(first, "text/plain"));
    expect((await call("POST", chatPath, streaming)).text).toContain("before its response was complete");
    expect(await onlyEvent(server)).toMatchObject({ status: 502 });
  });
});

/** Counts the turns of the event loop within the next conversion of a whole answer. */
function turnsOfConversion(): Promise<number> {
  const { convert } = WholeAnswerPipe.prototype;
  return new Promise((resolve) => {
    vi.spyOn(WholeAnswerPipe.prototype, "convert").mockImplementationOnce(async function (
      this: WholeAnswerPipe,
    ) {
      let turns = 0;
      const count = () => {
        turns++;
        timer = setImmediate(count);
      };
      let timer = setImmediate(count);
      await convert.call(this);
      clearImmediate(timer);
      resolve(turns);
    });
  });
}

describe("a whole answer where a stream was asked for (case 89)", () => {
  it.each(["application/json", "text/event-stream"])("called %s is served as a stream", async (type) => {
    const { call } = await answering("openai", answer(JSON.stringify(chatAnswer("hello there")), type));
    const { status, text } = await call("POST", chatPath, streaming);
    expect(status).toBe(200);
    expect(text).toContain('"content":"hello there"');
    expect(text).toMatch(/"finish_reason":"stop"[\s\S]*\[DONE\]/);
    expect((await call("POST", messagesPath, streaming)).text).toContain(
      '"delta":{"type":"text_delta","text":"hello there"}',
    );
  });

  it("of Anthropic is served as a stream, its tool calls included", async () => {
    const whole = JSON.stringify(recordedJson("anthropic/tools.json"));
    const { call } = await answering("anthropic", answer(whole, "application/json"));
    const { text } = await call("POST", messagesPath, streaming);
    expect(text).toContain('"type":"input_json_delta"');
    expect(text).toContain("event: message_stop");
    expect((await call("POST", chatPath, streaming)).text).toContain('"finish_reason":"tool_calls"');
  });

  it("that is large lets other work in between, and arrives unchanged (T60)", async () => {
    const text = "word ".repeat(600_000);
    const { call } = await answering("openai", answer(JSON.stringify(chatAnswer(text)), "application/json"));
    const turns = turnsOfConversion();
    const streamed = await call("POST", messagesPath, streaming);
    expect(streamed.text).toContain(JSON.stringify(text));
    expect(streamed.text).toContain("message_stop");
    expect(await turns).toBeGreaterThan(2);
  });

  it.each([true, false])("beyond 16 MB is 502 (T60), stream: %s", async (stream) => {
    const body = JSON.stringify(chatAnswer("x".repeat(16 * 1024 * 1024)));
    const { call, server } = await answering("openai", answer(body, "application/json"));
    const { status, body: refused } = await call("POST", chatPath, { ...streaming, stream });
    expect(status).toBe(502);
    expect(refused.error.message).toContain("16777216 bytes");
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_error" });
  });

  it("that is neither a stream nor JSON is 502", async () => {
    const { call, server } = await answering("openai", answer("<html>\n\nhi</html>", "text/html"));
    const { status, body } = await call("POST", chatPath, streaming);
    expect([status, body.error.message]).toEqual([502, "the provider's response is not JSON"]);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_error" });
  });

  it.each([{ error: null }, { error: {} }, { errors: [], base_resp: { status_code: 0 } }])(
    "is none in an answer with %j (case 154)",
    async (more) => {
      const { call, server } = await withProvider((_, connection) =>
        connection.write(reply(200, { ...chatAnswer("hi"), ...more })),
      );
      for (const path of [chatPath, messagesPath])
        expect((await call("POST", path, { ...question, max_tokens: 9 })).status).toBe(200);
      expect(server.logged).toEqual([]);
    },
  );

  it("is the first event of a stream, which says by its meaning if the call may be repeated (case 154)", async () => {
    const words = "This model's maximum context length is 10 tokens. However, it has 11 input tokens.";
    for (const first of [
      { error: { message: words } },
      { detail: words },
      { choices: [], base_resp: { status_code: 1, status_msg: words } },
    ]) {
      const bytes = Buffer.from(`data: ${JSON.stringify(first)}\n\ndata: [DONE]\n\n`);
      const { call } = await answering("openai", answer(bytes, "text/event-stream"));
      const chat = await call("POST", chatPath, streaming);
      expect([chat.status, chat.body.error.message]).toEqual([400, words]);
      const messages = await call("POST", messagesPath, streaming);
      expect([messages.status, messages.body.error.message]).toEqual([
        400,
        `prompt is too long: 11 tokens > 10 maximum (${words})`,
      ]);
    }
  });
});

describe("a stream where a whole answer was asked for (case 89)", () => {
  it("is collected for callers of every dialect", async () => {
    const { call } = await answering(
      "openai",
      answer(recorded("openai/parallel-tools.sse"), "text/event-stream"),
    );
    const chat = await call("POST", chatPath, question);
    expect(chat.body.choices[0].finish_reason).toBe("tool_calls");
    const [first] = chat.body.choices[0].message.tool_calls;
    expect(JSON.parse(first.function.arguments)).toEqual({ city: "Zürich" });
    const messages = await call("POST", messagesPath, { ...question, max_tokens: 99 });
    expect(messages.body.content.at(-1)).toMatchObject({ type: "tool_use" });
  });

  it("is collected whole if it is long and full of empty lines and comments (T63)", async () => {
    const word = 'data: {"choices":[{"index":0,"delta":{"content":"ab "}}]}\n\n';
    const end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
    const stream = `${":\n".repeat(200_000)}${"\n".repeat(100_000)}${word.repeat(10_000)}${end}`;
    const { call } = await answering("openai", answer(stream, "text/event-stream"));
    const { status, body } = await call("POST", chatPath, question);
    expect([status, body.choices[0].message.content]).toEqual([200, "ab ".repeat(10_000)]);
  });

  it("of Anthropic is collected with its usage", async () => {
    const { call } = await answering(
      "anthropic",
      answer(recorded("anthropic/text.sse"), "text/event-stream"),
    );
    const { body } = await call("POST", messagesPath, { ...question, max_tokens: 99 });
    expect(body).toMatchObject({ type: "message", stop_reason: "end_turn" });
    expect(body.usage.output_tokens).toBeGreaterThan(0);
    expect(body.content[0].text).toMatch(/^Grüße aus 東京/);
  });

  it("with an error is that error", async () => {
    const { call } = await answering("openai", answer(recorded("openai/error.sse"), "text/event-stream"));
    const { status, body } = await call("POST", chatPath, question);
    expect([status, body.error.message]).toEqual([500, expect.stringContaining("EngineCore")]);
  });
});

describe("an error in an answer with status 200 (case 88)", () => {
  const failed = {
    error: { message: "Provider returned error", code: 429, metadata: { provider_name: "X" } },
  };

  it.each([
    [chatPath, false],
    [chatPath, true],
    [messagesPath, false],
    [messagesPath, true],
    [responsesPath, false],
  ])("is the status that it names at %s, streaming %s", async (path, stream) => {
    const { call, server } = await withProvider((_, connection) => connection.write(reply(200, failed)), {
      responses: "translated",
    });
    const body =
      path === responsesPath ? { model: "gpt", input: "x" } : { ...question, stream, max_tokens: 9 };
    const { status, text } = await call("POST", path, body);
    expect([status, text]).toEqual([429, expect.stringContaining("Provider returned error")]);
    expect(await onlyEvent(server)).toMatchObject({ status: 429 });
  });

  it.each([
    [{ choices: null }, "the provider sent an answer without choices"],
    [{ choices: [] }, "the provider sent an answer without choices"],
    [{ detail: "model is loading" }, "model is loading"],
    [{ success: false, errors: [{ message: "nope" }] }, "nope"],
    [{ id: "x", choices: null, base_resp: { status_code: 1004, status_msg: "login fail" } }, "login fail"],
    [
      { choices: [{ finish_reason: "error", message: { content: "half" }, error: { message: "it broke" } }] },
      "it broke",
    ],
    [
      { choices: [{ finish_reason: "network_error", message: { content: "half" } }] },
      'the provider broke off its answer with the finish reason "network_error"',
    ],
  ])("is 502 for %j", async (body, message) => {
    const { call, server } = await withProvider((_, connection) => connection.write(reply(200, body)));
    const chat = await call("POST", chatPath, question);
    expect([chat.status, chat.body.error.message]).toEqual([502, message]);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_error" });
  });
});

describe("an answer that is compressed although nobody asked for it (case 156)", () => {
  const compressed = (status: number, body: Uint8Array, encoding = "gzip") =>
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${status} X\r\ncontent-type: application/json\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${body.length}\r\n\r\n`,
      ),
      body,
    ]);

  it("is read, with its usage, and reaches the caller uncompressed", async () => {
    for (const [encoding, compress] of [
      ["gzip", gzipSync],
      ["br", brotliCompressSync],
    ] as const) {
      const bytes = compressed(200, compress(JSON.stringify(chatAnswer("hi"))), encoding);
      const { call, server } = await answering("openai", bytes);
      for (const path of [chatPath, messagesPath]) {
        const { status, text, headers } = await call("POST", path, { ...question, max_tokens: 9 });
        expect([status, headers.get("content-encoding")]).toEqual([200, null]);
        expect(text).toContain("hi");
      }
      expect(server.logged).toEqual([]);
    }
  });

  it("keeps the words of an error", async () => {
    const { call } = await answering(
      "openai",
      compressed(400, gzipSync('{"error":{"message":"the words"}}')),
    );
    expect((await call("POST", chatPath, question)).body.error.message).toBe("the words");
  });

  it("is an error when it is not what it says, or grows without end (T194)", async () => {
    const broken = await answering("openai", compressed(200, Buffer.from("no gzip")));
    expect((await broken.call("POST", chatPath, question)).body.error.message).toContain(
      "content-encoding, gzip",
    );
    const bomb = await answering("openai", compressed(200, gzipSync(Buffer.alloc(64 * 1024 * 1024))));
    expect((await bomb.call("POST", chatPath, question)).status).toBe(502);
  });
});

it("a byte order mark before a whole answer is no part of it (case 156)", async () => {
  const { call } = await answering(
    "openai",
    answer(`\uFEFF${JSON.stringify(chatAnswer("hi"))}`, "application/json"),
  );
  for (const path of [chatPath, messagesPath]) {
    const { status, text } = await call("POST", path, { ...question, max_tokens: 9 });
    expect([status, text[0]]).toEqual([200, "{"]);
  }
});

describe("an event that its name calls an error (case 176)", () => {
  const stream = (data: string) => answer(`event: error\ndata: ${data}\n\n`, "text/event-stream");

  it.each([
    ["openai", chatPath],
    ["openai", messagesPath],
    ["openai", responsesPath],
    ["anthropic", messagesPath],
    ["anthropic", chatPath],
  ])("fails with its words: %s, %s", async (type, path) => {
    for (const data of ["the worker went away", '{"message":"the worker went away"}']) {
      const { call } = await answering(type, stream(data));
      const { status, body } = await call(
        "POST",
        path,
        path === responsesPath ? { model: "gpt", input: "x", stream: true } : streaming,
      );
      expect([status, body.error.message]).toEqual([502, "the worker went away"]);
    }
  });
});

it("A choice without a message is an error, not an empty answer (case 88)", async () => {
  const choices = [{ index: 0, message: null, finish_reason: "stop" }];
  const { call } = await withProvider((_, connection) => connection.write(reply(200, { id: "x", choices })));
  expect((await call("POST", chatPath, question)).status).toBe(502);
});

describe("a stream for a caller who asked for none (case 89)", () => {
  const chunks = (...deltas: object[]) =>
    [...deltas.map((delta) => [delta, null]), [{}, "stop"]]
      .map(
        ([delta, finish_reason]) =>
          `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
      )
      .join("");
  const whole = async (text: string) => {
    const { call } = await answering("openai", answer(`${text}data: [DONE]\n\n`, "text/event-stream"));
    return {
      chat: (await call("POST", chatPath, question)).body.choices[0].message,
      messages: (await call("POST", messagesPath, { ...question, max_tokens: 9 })).body.content,
    };
  };

  it("keeps a call in the form of before tools", async () => {
    const { chat, messages } = await whole(
      chunks({ function_call: { name: "read", arguments: '{"a":' } }, { function_call: { arguments: "1}" } }),
    );
    expect(chat.function_call).toEqual({ name: "read", arguments: '{"a":1}' });
    expect(messages).toMatchObject([{ type: "tool_use", name: "read", input: { a: 1 } }]);
  });

  it("keeps all parts of a list", async () => {
    const text = (words: string) => ({ type: "text", text: words });
    const { chat, messages } = await whole(
      chunks(
        { content: [{ type: "thinking", thinking: [text("hm")] }] },
        { content: [text("he")] },
        { content: "llo" },
      ),
    );
    expect(chat.content).toEqual([{ type: "thinking", thinking: [text("hm")] }, text("he"), text("llo")]);
    expect(messages).toMatchObject([{ thinking: "hm" }, { type: "text", text: "hello" }]);
  });
});
