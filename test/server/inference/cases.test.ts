import { describe, expect, it } from "vitest";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { type Connection, chatFrames, chunk, lastChunk, reply, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { canary, onlyEvent, question, withProvider } from "./setup.ts";

/** The translation cases, by number, that the server takes part in. The tests use real sockets. */

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const request = { ...question, max_tokens: 9 };
const ways = [
  ["openai", chatPath],
  ["openai", messagesPath],
  ["anthropic", chatPath],
  ["anthropic", messagesPath],
] as const;

/** A server with a provider that always answers in the same way. */
const answering = (type: string, answer: (connection: Connection) => void) =>
  withProvider((_asked, connection) => answer(connection), { type });

/** A retry-after that is too long for a second attempt. */
const later = { "retry-after": "3600" };

/** A server with a provider that always fails in the same way. */
const failing = (type: string, status: number, body: unknown, headers: Record<string, string> = later) =>
  answering(type, (connection) => connection.write(reply(status, body, headers)));

/** The error types of OpenAI and Anthropic for a provider's status. */
const words: [status: number, chat: string, messages: string][] = [
  [400, "invalid_request_error", "invalid_request_error"],
  [402, "insufficient_quota", "billing_error"],
  [404, "not_found_error", "not_found_error"],
  [409, "conflict_error", "invalid_request_error"],
  [413, "invalid_request_error", "request_too_large"],
  [429, "rate_limit_error", "rate_limit_error"],
  [500, "server_error", "api_error"],
  [504, "timeout_error", "timeout_error"],
  [529, "overloaded_error", "overloaded_error"],
];

/** Error bodies that belong to no dialect, and the messages that callers get. */
const odd: [body: unknown, message: RegExp][] = [
  ["<html><title>Bad gateway</title></html>", /web page: Bad gateway/],
  ["", /status 502 and no explanation/],
  [[{ error: { message: "quota", code: 502 } }], /^quota$/],
];

describe.each(ways)("a call of a provider of type %s at %s", (type, path) => {
  const own = path === chatPath;

  it("case 59: returns an HTTP status for an error that is the first event", async () => {
    const error =
      type === "openai"
        ? 'data: {"error":{"message":"busy","type":"overloaded_error","code":529}}\n\n'
        : 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n';
    const { call } = await answering(type, (connection) =>
      connection.write(streamHead + chunk(error) + lastChunk),
    );
    const answer = await call("POST", path, { ...request, stream: true });
    expect([answer.status, answer.body.error]).toMatchObject([
      529,
      { type: "overloaded_error", message: "busy" },
    ]);
    expect(answer.headers.get("content-type")).toContain("application/json");
  });

  it("case 74: keeps status and message of an error, with the error type of the dialect", async () => {
    let status = 0;
    const { call } = await answering(type, (connection) =>
      connection.write(reply(status, { error: { message: `told ${canary}` } }, later)),
    );
    for (const [given, chat, messages] of words) {
      status = given;
      const answer = await call("POST", path, request);
      expect([answer.status, answer.body.error]).toMatchObject([
        given,
        { type: own ? chat : messages, message: "told [redacted]" },
      ]);
      expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    }
  });

  it("case 76: returns HTML pages, empty bodies and lists as errors of the dialect, with the same status", async () => {
    let body: unknown;
    const { call } = await answering(type, (connection) => connection.write(reply(502, body, later)));
    for (const [given, message] of odd) {
      body = given;
      const answer = await call("POST", path, request);
      expect(answer.status).toBe(502);
      expect(answer.body.error.message).toMatch(message);
      expect(answer.body.type).toBe(own ? undefined : "error");
      expect(answer.headers.get("content-type")).toContain("application/json");
    }
  });

  it("case 77: returns 502 for the provider's 401, because the caller's token is valid", async () => {
    const { call } = await failing(type, 401, { error: { message: `bad key ${canary}` } });
    const answer = await call("POST", path, request);
    expect([answer.status, answer.body.error.message]).toEqual([502, "the provider rejected the credential"]);
    expect(answer.headers.get("www-authenticate")).toBeNull();
  });

  it("case 42: restores tool names that were changed for the provider", async () => {
    const long = `mcp__${"server".repeat(12)}__tool`;
    const input_schema = { type: "object" };
    const tools = [own ? { type: "function", function: { name: long } } : { name: long, input_schema }];
    const { call, provider } = await withProvider(
      ({ body }, connection) => {
        const [tool] = body.tools;
        const name = tool.function?.name ?? tool.name;
        const called = { id: "c", type: "function", function: { name, arguments: "{}" } };
        const message = { role: "assistant", content: null, tool_calls: [called] };
        const use = { type: "tool_use", id: "c", name, input: {} };
        connection.write(
          reply(
            200,
            type === "openai"
              ? { id: "1", choices: [{ index: 0, message, finish_reason: "tool_calls" }] }
              : { id: "1", type: "message", content: [use], stop_reason: "tool_use" },
          ),
        );
      },
      { type },
    );
    const { body } = await call("POST", path, { ...request, tools });
    expect(own ? body.choices[0].message.tool_calls[0].function.name : body.content[0].name).toBe(long);
    // In a passthrough nothing is changed.
    const isSame = own === (type === "openai");
    expect(provider.seen[0]!.text.includes(long)).toBe(isSame);
  });
});

it.each([
  [{ "retry-after": "70" }, "70"],
  [{ "retry-after-ms": "69500" }, "70"],
  [{ "retry-after": "0" }, "0"],
  [{ "retry-after": "not a time" }, null],
])("case 75: the headers %j become retry-after %j", async (headers, expected) => {
  const { call } = await failing("openai", 429, { error: { message: "slow" } }, headers);
  for (const path of [chatPath, messagesPath]) {
    expect((await call("POST", path, request)).headers.get("retry-after")).toBe(expected);
  }
});

it("case 75: a retry-after date becomes seconds", async () => {
  const date = new Date(Date.now() + 40_000).toUTCString();
  const { call } = await failing("openai", 429, {}, { "retry-after": date });
  const seconds = Number((await call("POST", chatPath, request)).headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(30);
  expect(seconds).toBeLessThanOrEqual(40);
});

it("case 75: a retry-after date counts from the date of the response, whatever our own clock says (T91)", async () => {
  const headers = { date: "Fri, 01 Jan 2038 10:00:00 GMT", "retry-after": "Fri, 01 Jan 2038 10:00:40 GMT" };
  const { call } = await failing("openai", 429, {}, headers);
  expect((await call("POST", chatPath, request)).headers.get("retry-after")).toBe("40");
});

it("case 73: ?beta=true changes nothing, and beta headers are sent unchanged, to Anthropic only", async () => {
  const beta = { "anthropic-beta": "a-2025-01-01,made-up-2099-01-01", "anthropic-version": "2023-06-01" };
  for (const type of ["openai", "anthropic"]) {
    const { call, provider } = await answering(type, (connection) =>
      connection.write(reply(200, recordedJson(`${type}/text.json`))),
    );
    const answer = await call("POST", `${messagesPath}?beta=true`, request, beta);
    expect([answer.status, answer.body.type]).toEqual([200, "message"]);
    const { headers, text } = provider.seen[0]!;
    expect(headers["anthropic-beta"]).toBe(type === "anthropic" ? beta["anthropic-beta"] : undefined);
    expect(text).not.toContain("beta");
  }
});

it("case 64: an event of more than 256 KiB is sent unchanged, and the events after it are read", async () => {
  const [first, ...rest] = chatFrames(["x".repeat(300 * 1024)], true);
  const { call, server } = await answering("openai", (connection) => {
    connection.write(streamHead + chunk(first!));
    for (const frame of rest) {
      // Two writes cut the event in the middle.
      connection.write(chunk(frame.slice(0, 20)));
      connection.write(chunk(frame.slice(20)));
    }
    connection.write(lastChunk);
  });
  const answer = await call("POST", chatPath, {
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  expect(answer.text).toBe(chatFrames(["x".repeat(300 * 1024)], true).join(""));
  expect(await onlyEvent(server)).toMatchObject({ status: 200, promptTokens: 7 });
});

it.each([
  ["before the first byte", ""],
  ["in the middle of the stream", Buffer.from(recorded("openai/text.sse")).toString().split("\n\n")[1]],
])(
  "case 66: a caller who leaves %s closes the connection to the provider, and is recorded as 499",
  async (_name, frame) => {
    const freed = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const { bearer, server } = await answering("openai", (connection) => {
      connection.write(streamHead + (frame ? chunk(`${frame}\n\n`) : ""));
      void connection.closed.then(freed.resolve);
      reached.resolve();
    });
    const caller = await postRaw(server.url, bearer, chatPath, { ...request, stream: true });
    await (frame ? caller.until("data:") : reached.promise);
    caller.leave();
    await freed.promise;
    expect(await onlyEvent(server)).toMatchObject({ status: 499, error: "client_closed_request" });
  },
);

it("cases 78, 79, 80, 81, 82, 83, 84, 85: the paths of Gemini's own API return 404, because it is not supported", async () => {
  const { call, provider } = await answering("openai", () => {});
  for (const path of ["/v1beta/models/gpt:generateContent", "/v1/models/gpt:streamGenerateContent"]) {
    expect((await call("POST", path, { contents: [] })).status).toBe(404);
  }
  expect(provider.seen).toEqual([]);
});
