import { describe, expect, it } from "vitest";
import { recorded, recordedJson } from "../../adapters/translation/streams.ts";
import { type Connection, chatFrames, chunk, lastChunk, reply, streamHead } from "../../support/upstream.ts";
import { postRaw } from "./caller.ts";
import { canary, onlyEvent, question, withProvider } from "./setup.ts";

/** The field's known cases by number, as far as they are the server's: they go through real sockets. */

const chatPath = "/v1/chat/completions";
const messagesPath = "/v1/messages";
const asked = { ...question, max_tokens: 9 };
const ways = [
  ["openai", chatPath],
  ["openai", messagesPath],
  ["anthropic", chatPath],
  ["anthropic", messagesPath],
] as const;

/** A server whose provider of a type always answers so. */
const answering = (type: string, answer: (connection: Connection) => void) =>
  withProvider((_asked, connection) => answer(connection), { type });

/** So far off that the server does not wait for it, and tries once. */
const later = { "retry-after": "3600" };

/** A server whose provider always fails so. */
const failing = (type: string, status: number, body: unknown, headers: Record<string, string> = later) =>
  answering(type, (connection) => connection.write(reply(status, body, headers)));

/** What callers are told of a provider's status: OpenAI's word and Anthropic's. */
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

/** Bodies of errors that are nobody's dialect, and what is told of them. */
const odd: [body: unknown, message: RegExp][] = [
  ["<html><title>Bad gateway</title></html>", /web page: Bad gateway/],
  ["", /status 502 and no explanation/],
  [[{ error: { message: "quota", code: 502 } }], /^quota$/],
];

describe.each(ways)("a provider of type %s, called at %s", (type, path) => {
  const own = path === chatPath;

  it("case 59: an error as the first event has a status of its own", async () => {
    const error =
      type === "openai"
        ? 'data: {"error":{"message":"busy","type":"overloaded_error","code":529}}\n\n'
        : 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n';
    const { call } = await answering(type, (connection) =>
      connection.write(streamHead + chunk(error) + lastChunk),
    );
    const answer = await call("POST", path, { ...asked, stream: true });
    expect([answer.status, answer.body.error]).toMatchObject([
      529,
      { type: "overloaded_error", message: "busy" },
    ]);
    expect(answer.headers.get("content-type")).toContain("application/json");
  });

  it("case 74: errors keep status and message, and have the dialect's own word", async () => {
    let status = 0;
    const { call } = await answering(type, (connection) =>
      connection.write(reply(status, { error: { message: `told ${canary}` } }, later)),
    );
    for (const [given, chat, messages] of words) {
      status = given;
      const answer = await call("POST", path, asked);
      expect([answer.status, answer.body.error]).toMatchObject([
        given,
        { type: own ? chat : messages, message: "told [redacted]" },
      ]);
      expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
    }
  });

  it("case 76: pages, nothing and lists are errors in the dialect's shape, with the status as it was", async () => {
    let body: unknown;
    const { call } = await answering(type, (connection) => connection.write(reply(502, body, later)));
    for (const [given, message] of odd) {
      body = given;
      const answer = await call("POST", path, asked);
      expect(answer.status).toBe(502);
      expect(answer.body.error.message).toMatch(message);
      expect(answer.body.type).toBe(own ? undefined : "error");
      expect(answer.headers.get("content-type")).toContain("application/json");
    }
  });

  it("case 77: its 401 is a 502 of ours: the caller's token was fine", async () => {
    const { call } = await failing(type, 401, { error: { message: `bad key ${canary}` } });
    const answer = await call("POST", path, asked);
    expect([answer.status, answer.body.error.message]).toEqual([502, "the provider rejected the credential"]);
    expect(answer.headers.get("www-authenticate")).toBeNull();
  });

  it("case 42: names changed for the provider are changed back for the caller", async () => {
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
    const { body } = await call("POST", path, { ...asked, tools });
    expect(own ? body.choices[0].message.tool_calls[0].function.name : body.content[0].name).toBe(long);
    // Between speakers of one dialect nothing is changed.
    const isSame = own === (type === "openai");
    expect(provider.seen[0]!.text.includes(long)).toBe(isSame);
  });
});

it.each([
  [{ "retry-after": "70" }, "70"],
  [{ "retry-after-ms": "69500" }, "70"],
  [{ "retry-after": "0" }, "0"],
  [{ "retry-after": "not a time" }, null],
])("case 75: %j is passed on as retry-after %j", async (headers, expected) => {
  const { call } = await failing("openai", 429, { error: { message: "slow" } }, headers);
  for (const path of [chatPath, messagesPath]) {
    expect((await call("POST", path, asked)).headers.get("retry-after")).toBe(expected);
  }
});

it("case 75: retry-after as a date is passed on in seconds", async () => {
  const date = new Date(Date.now() + 40_000).toUTCString();
  const { call } = await failing("openai", 429, {}, { "retry-after": date });
  const seconds = Number((await call("POST", chatPath, asked)).headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(30);
  expect(seconds).toBeLessThanOrEqual(40);
});

it("case 73: ?beta=true changes nothing, and beta headers go to Anthropic only, byte for byte", async () => {
  const beta = { "anthropic-beta": "a-2025-01-01,made-up-2099-01-01", "anthropic-version": "2023-06-01" };
  for (const type of ["openai", "anthropic"]) {
    const { call, provider } = await answering(type, (connection) =>
      connection.write(reply(200, recordedJson(`${type}/text.json`))),
    );
    const answer = await call("POST", `${messagesPath}?beta=true`, asked, beta);
    expect([answer.status, answer.body.type]).toEqual([200, "message"]);
    const { headers, text } = provider.seen[0]!;
    expect(headers["anthropic-beta"]).toBe(type === "anthropic" ? beta["anthropic-beta"] : undefined);
    expect(text).not.toContain("beta");
  }
});

it("case 64: an event of more than 256 KiB passes as it is, and what follows it is seen", async () => {
  const [first, ...rest] = chatFrames(["x".repeat(300 * 1024)], true);
  const { call, server } = await answering("openai", (connection) => {
    connection.write(streamHead + chunk(first!));
    for (const frame of rest) {
      // In two writes, so that it is cut.
      connection.write(chunk(frame.slice(0, 20)));
      connection.write(chunk(frame.slice(20)));
    }
    connection.write(lastChunk);
  });
  const answer = await call("POST", chatPath, {
    ...asked,
    stream: true,
    stream_options: { include_usage: true },
  });
  expect(answer.text).toBe(chatFrames(["x".repeat(300 * 1024)], true).join(""));
  expect(await onlyEvent(server)).toMatchObject({ status: 200, promptTokens: 7 });
});

it.each([
  ["before the first byte", ""],
  ["in the middle of the stream", Buffer.from(recorded("openai/text.sse")).toString().split("\n\n")[1]],
])("case 66: a caller who leaves %s frees the provider, and is on record as gone", async (_name, frame) => {
  const freed = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const { bearer, server } = await answering("openai", (connection) => {
    connection.write(streamHead + (frame ? chunk(`${frame}\n\n`) : ""));
    void connection.closed.then(freed.resolve);
    reached.resolve();
  });
  const caller = await postRaw(server.url, bearer, chatPath, { ...asked, stream: true });
  await (frame ? caller.until("data:") : reached.promise);
  caller.leave();
  await freed.promise;
  expect(await onlyEvent(server)).toMatchObject({ status: 499, error: "client_closed_request" });
});

it("cases 78, 79, 80, 81, 82, 83, 84, 85 do not arise: Gemini's own API is not spoken, and its paths are a 404", async () => {
  const { call, provider } = await answering("openai", () => {});
  for (const path of ["/v1beta/models/gpt:generateContent", "/v1/models/gpt:streamGenerateContent"]) {
    expect((await call("POST", path, { contents: [] })).status).toBe(404);
  }
  expect(provider.seen).toEqual([]);
});
