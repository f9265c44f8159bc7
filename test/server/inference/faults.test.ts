import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  type Connection,
  chatAnswer,
  chatFrames,
  chunk,
  goodProvider,
  lastChunk,
  reply,
  streamHead,
} from "../../support/upstream.ts";
import { canary, events, onlyEvent, question, withProvider } from "./setup.ts";

const answer = JSON.stringify(chatAnswer("hello there"));
const head = (lines: string) => `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${lines}\r\n\r\n`;
const chunkedHead = head("transfer-encoding: chunked");
const tail = { ...question, stream: true };

const notJson = /^the provider's response is not JSON$/;
const cutShort = /^the provider closed the connection before its response was complete$/;
const unusable = /^the provider's response is not usable: /;

/** Faults of providers, and the messages that callers get. */
const faults: Record<string, [wrong: (connection: Connection) => void, message: RegExp]> = {
  "closes without an answer": [(c) => c.end(), cutShort],
  "resets without an answer": [(c) => c.reset(), cutShort],
  "closes in the middle of the head": [(c) => c.end("HTTP/1.1 200 OK\r\ncont"), unusable],
  "speaks no HTTP": [(c) => c.write("SSH-2.0-OpenSSH_9.9\r\n\r\n"), unusable],
  "folds a header": [(c) => c.write(`${head("x-a: 1\r\n 2\r\ncontent-length: 2")}{}`), unusable],
  "switches protocols": [(c) => c.write("HTTP/1.1 101 X\r\nupgrade: h2c\r\n\r\n"), unusable],
  "never ends its head": [(c) => c.write(`HTTP/1.1 200 OK\r\n${"x-a: aaaaa\r\n".repeat(7000)}`), unusable],
  "says two lengths": [(c) => c.write(`${head("content-length: 2\r\ncontent-length: 3")}{}`), unusable],
  "says a length and chunks": [
    (c) => c.write(`${head("content-length: 2\r\ntransfer-encoding: chunked")}{}`),
    unusable,
  ],
  "says too long a length": [(c) => c.end(`${head("content-length: 5000")}${answer}`), unusable],
  "says too short a length": [(c) => c.write(`${head("content-length: 100")}${answer}`), notJson],
  "makes up chunk sizes": [(c) => c.write(`${chunkedHead}zz\r\n{}\r\n`), unusable],
  "makes a chunk longer than its size": [(c) => c.write(`${chunkedHead}2\r\n{}}}\r\n`), unusable],
  "closes between chunks": [(c) => c.end(chunkedHead + chunk(answer)), unusable],
  "cuts the JSON": [(c) => c.write(reply(200, answer.slice(0, -20))), notJson],
  "sends a web page": [(c) => c.write(reply(200, "<html>", { "content-type": "text/html" })), notJson],
  "sends nothing": [(c) => c.write(reply(200, "")), notJson],
  "has no content": [(c) => c.write("HTTP/1.1 204 No Content\r\n\r\n"), notJson],
};

describe("a call of a provider that", () => {
  it.each(Object.entries(faults))(
    "%s returns 502 in both dialects, streamed or not",
    async (_, [wrong, expected]) => {
      const { server, provider, call } = await withProvider((_asked, connection) => wrong(connection));
      const other = await server.token("other", [{ role: "run", resource: "llms", name: "gpt" }]);
      const answers = [
        await call("POST", "/v1/chat/completions", question),
        await other.call("POST", "/v1/chat/completions", tail),
      ];
      for (const { status, body, headers } of answers) {
        expect([status, body]).toEqual([
          502,
          {
            error: {
              message: expect.stringMatching(expected),
              type: "server_error",
              code: "provider_error",
              param: null,
            },
          },
        ]);
        expect(headers.get("x-request-id")).toMatch(/^req_/);
      }
      expect(answers[1]!.text).toBe(answers[0]!.text);
      const plain = await call("POST", "/api/v1/llms/gpt/infer", question);
      expect([plain.status, plain.body.error]).toEqual([502, answers[0]!.body.error.message]);
      expect(await events(server)).toMatchObject(Array(3).fill({ status: 502, error: "provider_error" }));
      // A call without a byte of response is tried two more times. A response that has begun is not.
      expect(provider.seen).toHaveLength(expected === cutShort ? 9 : 3);
    },
  );

  it.each([
    [
      "nests its answer 100,000 deep",
      () => `{"choices":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      "the provider's response is nested deeper than 100 levels",
    ],
    [
      "sends 10 MB of brackets",
      () => `{"choices":${"[".repeat(10_000_000)}`,
      "the provider's response is nested deeper than 100 levels",
    ],
    [
      "sends more than 16 MB",
      () => `{"x":"${"x".repeat(17 * 1024 * 1024)}"}`,
      /response is over 16777216 bytes$/,
    ],
  ])("%s returns 502 in both dialects, and says why (T60, T63)", async (_, make, message) => {
    const text = make();
    const { call, server } = await withProvider((_asked, connection) => connection.write(reply(200, text)));
    for (const path of ["/v1/chat/completions", "/v1/messages"]) {
      const { status, body } = await call("POST", path, { ...question, max_tokens: 9 });
      const expected = typeof message === "string" ? message : expect.stringMatching(message);
      expect([path, status, body.error.message]).toEqual([path, 502, expected]);
    }
    expect(await events(server)).toMatchObject(Array(2).fill({ status: 502, error: "provider_error" }));
  });

  it("embeds in 20 MB of numbers is passed on unchanged, with its usage read, and 502 if it is nested deeply (T60)", async () => {
    const numbers = JSON.stringify(Array.from({ length: 1000 }, (_, n) => n / 7)).slice(1, -1);
    const usage = { prompt_tokens: 7, total_tokens: 7 };
    const good = `{"error":null,"data":[${`{"embedding":[${numbers}]},`.repeat(1000)}1],"usage":${JSON.stringify(usage)}}`;
    const texts = [good, `{"data":${"[".repeat(2_000_000)}`];
    const { call, server } = await withProvider((_, connection) =>
      connection.write(reply(200, texts.shift()!)),
    );
    const asked = { model: "gpt", input: "x" };
    const whole = await call("POST", "/v1/embeddings", asked);
    expect([whole.status, whole.text === good]).toEqual([200, true]);
    expect(await onlyEvent(server)).toMatchObject({ status: 200, promptTokens: 7 });
    const deep = await call("POST", "/v1/embeddings", asked);
    expect([deep.status, deep.body.error.message]).toEqual([
      502,
      "the provider's response is nested deeper than 100 levels",
    ]);
  });

  it("nests an event or the arguments of a tool too deeply gets an error or a text, never a 500 (T60)", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const called = { index: 0, id: "c", function: { name: "f", arguments: deep } };
    const [deepEvent, deepArguments] = [
      `data: {"choices":[{"index":0,"delta":{"content":"a","x":${deep}}}]}\n\n`,
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [called] }, finish_reason: "tool_calls" }] })}\n\ndata: [DONE]\n\n`,
    ];
    let frame = deepEvent!;
    const { call } = await withProvider((asked, connection) => {
      if (!asked.body.stream)
        return connection.write(
          reply(200, JSON.stringify({ choices: [{ message: { tool_calls: [called] } }] })),
        );
      connection.write(streamHead + chunk(frame) + lastChunk);
    });
    const stream = { ...question, max_tokens: 9, stream: true };
    const event = await call("POST", "/v1/messages", stream);
    expect([event.status, event.body.error.message]).toEqual([
      502,
      "the provider sent an event that is not a JSON object, or is too large or nested too deeply",
    ]);
    frame = deepArguments!;
    expect((await call("POST", "/v1/messages", stream)).text).toContain("message_stop");
    const whole = await call("POST", "/v1/messages", { ...question, max_tokens: 9 });
    expect([whole.status, whole.body.content[0].input]).toEqual([200, { INVALID_JSON: deep }]);
  });

  it.each([600, 700, 999])(
    "answers with status %i returns 502 and no text of a defect (T119)",
    async (status) => {
      const { call } = await withProvider((_, connection) => connection.write(reply(status, answer)));
      for (const path of ["/v1/chat/completions", "/v1/messages"]) {
        const { status: got, body } = await call("POST", path, { ...question, max_tokens: 9 });
        expect([got, body.error.message]).toEqual([502, `the provider answered with status ${status}`]);
      }
    },
  );

  it.each([
    ["99999999999", "3600"],
    ["1e300", "3600"],
    ["Infinity", "3600"],
    ["Fri, 31 Dec 9999 23:59:59 GMT", "3600"],
    ["61", "61"],
    ["-5", "0"],
    ["soon", null],
  ])("asks to wait %s seconds passes on %s (T104)", async (asked, passed) => {
    const { call } = await withProvider((_, connection) =>
      connection.write(reply(429, '{"error":{"message":"slow"}}', { "retry-after": asked })),
    );
    const { status, headers } = await call("POST", "/v1/chat/completions", question);
    expect([status, headers.get("retry-after")]).toEqual([429, passed]);
  });

  it("answers in chunks of one byte takes memory for its bytes, not for its chunks (T63)", async () => {
    const text = JSON.stringify({ ...chatAnswer("x".repeat(2_000_000)) });
    const chunks = Array.from(text, (letter) => `1\r\n${letter}\r\n`).join("");
    const { call } = await withProvider((_, connection) =>
      connection.write(`${chunkedHead}${chunks}0\r\n\r\n`),
    );
    Bun.gc(true);
    const before = process.memoryUsage().rss;
    expect((await call("POST", "/v1/chat/completions", question)).text).toBe(text);
    // A view for each of two million chunks would be 500 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 1024 * 1024);
  });

  it("resets the connection in the middle of its response returns 502", async () => {
    const { call, server } = await withProvider(async (_, connection) => {
      connection.write(head("content-length: 5000") + answer);
      // The reset must arrive after the bytes.
      await server.admin("GET", "/healthz");
      connection.reset();
    });
    const { status, body } = await call("POST", "/v1/chat/completions", question);
    expect([status, body.error.message]).toEqual([502, expect.stringMatching(cutShort)]);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, streaming: false });
  });

  it("sends bytes that are not in their content-encoding returns 502 that says so", async () => {
    const { call } = await withProvider((_, connection) =>
      connection.write(`${head("content-encoding: gzip\r\ncontent-length: 5")}<html`),
    );
    const { status, body } = await call("POST", "/v1/chat/completions", question);
    expect([status, body.error.message]).toEqual([
      502,
      "the provider's response is not usable: it is not in its content-encoding, gzip",
    ]);
  });

  it("sends an error of a megabyte returns its status without its text, and a compressed one is read", async () => {
    const { call } = await withProvider((request, connection) => {
      if (!request.body.stream) return connection.write(reply(500, canary.repeat(50_000)));
      const packed = gzipSync(`{"error":{"message":"${canary}"}}`);
      connection.write(
        `HTTP/1.1 418 X\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`,
      );
      connection.write(packed);
    });
    const whole = await call("POST", "/v1/chat/completions", question);
    expect([whole.status, whole.body.error.message]).toEqual([
      500,
      "the provider answered with status 500 and no explanation",
    ]);
    const streamed = await call("POST", "/v1/chat/completions", tail);
    // The text is the key.
    expect([streamed.status, streamed.body.error.message]).toEqual([418, "[redacted]"]);
  });
});

describe("a response in an unusual form is accepted:", () => {
  const forms: Record<string, (connection: Connection) => void> = {
    "behind informational ones": (c) =>
      c.write(
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${reply(200, answer)}`,
      ),
    "until the close": (c) => c.end(head("x-a: 1") + answer),
    "of HTTP/1.0": (c) => c.end(head("x-a: 1").replace("1.1", "1.0") + answer),
    "chunks with extensions and a trailer": (c) =>
      c.write(
        `${chunkedHead}${chunk(answer.slice(0, 9)).replace("\r\n", ";a=b\r\n")}${chunk(answer.slice(9))}0\r\nx-sum: 1\r\n\r\n`,
      ),
    "byte by byte": (c) => {
      for (const byte of Buffer.from(reply(200, answer))) c.write(Uint8Array.of(byte));
    },
  };
  it.each(Object.entries(forms))("%s", async (_, form) => {
    const { call } = await withProvider((_asked, connection) => form(connection));
    for (let again = 0; again < 2; again++)
      expect((await call("POST", "/v1/chat/completions", question)).text).toBe(answer);
  });

  it("a stream that ends with the connection and has a content type in capitals", async () => {
    const { call, server } = await withProvider((_, connection) => {
      connection.write("HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream; charset=utf-8\r\n\r\n");
      connection.end(chatFrames(["a"], true).join(""));
    });
    const { text } = await call("POST", "/v1/chat/completions", tail);
    expect(text).toBe(chatFrames(["a"], false).join(""));
    expect(await onlyEvent(server)).toMatchObject({ status: 200, completionTokens: 1 });
  });
});

describe("a kept connection that the provider closes", () => {
  it("between two calls is replaced without an error", async () => {
    const { call, server } = await withProvider((_, connection) => {
      connection.end(reply(200, answer));
    });
    for (let again = 0; again < 5; again++)
      expect((await call("POST", "/v1/chat/completions", question)).status).toBe(200);
    expect(await events(server)).toMatchObject(Array(5).fill({ status: 200 }));
  });

  it("as the next call arrives: the call is sent again once", async () => {
    let requests = 0;
    const { call, provider, server } = await withProvider((_, connection) => {
      if (++requests === 2) connection.reset();
      else connection.write(reply(200, answer));
    });
    for (let again = 0; again < 3; again++)
      expect((await call("POST", "/v1/chat/completions", question)).status).toBe(200);
    expect(provider.seen).toHaveLength(4);
    expect(await events(server)).toMatchObject(Array(3).fill({ status: 200 }));
  });
});

describe("a call of a provider that cannot be reached", () => {
  it("returns 502 if it refuses connections", async () => {
    const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    gone.stop(true);
    const { call, server } = await withProvider(goodProvider, { url: `http://127.0.0.1:${gone.port}` });
    const { status, body } = await call("POST", "/v1/chat/completions", question);
    expect([status, body.error]).toMatchObject([
      502,
      { message: "the provider cannot be reached: the connection was refused", code: "provider_unreachable" },
    ]);
    expect(await onlyEvent(server)).toMatchObject({ status: 502, error: "provider_unreachable" });
  });

  it("returns 502 if its name does not resolve", async () => {
    const { call } = await withProvider(goodProvider, { url: "http://nowhere.invalid" });
    const { status, body } = await call("POST", "/v1/chat/completions", question);
    expect([status, body.error.message]).toEqual([
      502,
      "the provider cannot be reached: the host name was not found",
    ]);
  });
});
