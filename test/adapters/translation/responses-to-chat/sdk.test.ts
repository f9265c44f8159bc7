import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passthroughPipe } from "../../../../src/adapters/passthrough/index.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import type { StreamPipe } from "../../../../src/adapters/types.ts";
import type { AppError } from "../../../../src/errors.ts";
import { dialects } from "../../../../src/wire/dialects/index.ts";
import type { Dialect } from "../../../../src/wire/dialects/types.ts";
import { parseExact } from "../../../../src/wire/exact-json.ts";
import { bytesOf, errorOf, fixedId, recorded, recordedJson } from "../streams.ts";

/** OpenAI's SDK calls a server that translates recorded answers. */

const now = () => 1_780_000_000_000;
const sse = { "content-type": "text/event-stream" };
const customShell = { type: "custom" as const, name: "list_zones", description: "Lists zones." };

let provider: Dialect;
let recording: string;
/** The request that the provider got. */
let sent: Record<string, unknown>;
let server: ReturnType<typeof Bun.serve>;
let client: OpenAI;

beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const body = parseExact(await request.text()) as Record<string, unknown>;
      if (provider === "responses") {
        const pipe = passthroughPipe("responses", { stripUsage: false });
        return new Response(streamed(pipe, recorded(recording)), { headers: sse });
      }
      const translation = translationFor("responses", provider, now, fixedId)!;
      try {
        sent = translation.request(body, "theirs", {});
      } catch (error) {
        const refusal = error as AppError;
        return Response.json(dialects.responses.errorBody(refusal, "r1"), { status: refusal.status });
      }
      if (body.stream !== true) {
        return Response.json(translation.response(recordedJson(recording), "mine", body));
      }
      const pieces = streamed(translation.stream("mine", body), recorded(recording));
      return new Response(pieces, { headers: sse });
    },
  });
  client = new OpenAI({ apiKey: "k", baseURL: `${server.url}v1`, maxRetries: 0 });
});

afterAll(() => server.stop(true));

/** Sends a recorded stream through a pipe in pieces of a network, and ends it in an error frame after a fault. */
function streamed(pipe: StreamPipe, bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      const send = (out: Uint8Array | string | null) => {
        if (out !== null) controller.enqueue(typeof out === "string" ? bytesOf(out) : out);
      };
      for (let at = 0; at < bytes.length; at += 97) send(pipe.push(bytes.subarray(at, at + 97)));
      send(pipe.end());
      if (pipe.fault) {
        const error = errorOf(pipe.fault, dialects[provider].family);
        send(dialects.responses.errorFrames(error, "r1", pipe.position));
      }
      controller.close();
    },
  });
}

function answeredBy(dialect: Dialect, name: string) {
  provider = dialect;
  recording = name;
}

const ask = { model: "mine", input: "hello" };

describe("the SDK reads whole answers", () => {
  it("of a chat provider: calls of functions", async () => {
    answeredBy("chat", "openai/tools.json");
    const response = await client.responses.create({ ...ask, instructions: "Be brief." });
    expect(response).toMatchObject({
      id: `resp_${fixedId()}`,
      object: "response",
      created_at: 1_780_000_000,
      status: "completed",
      model: "mine",
      store: false,
      instructions: "Be brief.",
      output_text: "",
      output: [
        {
          type: "function_call",
          id: `fc_${fixedId()}_0`,
          call_id: expect.stringMatching(/_call_Ab1$/),
          name: "get_weather",
        },
        {
          type: "function_call",
          id: `fc_${fixedId()}_1`,
          call_id: expect.stringMatching(/_call_Cd2$/),
          arguments: "{}",
        },
      ],
      usage: { input_tokens: 87, output_tokens: 41, total_tokens: 128 },
    });
    expect(sent).toEqual({
      model: "theirs",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hello" },
      ],
    });
  });

  it("of Anthropic: text", async () => {
    answeredBy("messages", "anthropic/text.json");
    const response = await client.responses.create(ask);
    expect(response.output_text).toBe("Grüße aus 東京.");
    expect(sent.messages).toEqual([{ role: "user", content: [{ type: "text", text: "hello" }] }]);
  });

  it("of a refused request: an error with OpenAI's fields", async () => {
    answeredBy("chat", "openai/text.json");
    await expect(client.responses.create({ ...ask, background: true })).rejects.toMatchObject({
      status: 400,
      type: "invalid_request_error",
      code: "invalid_request",
      param: "background",
      message: expect.stringContaining("background: true is not supported"),
    });
  });
});

describe("the SDK reads streams of", () => {
  const final = (params: object = {}) => client.responses.stream({ ...ask, ...params }).finalResponse();

  it.each([
    [
      "chat",
      "openai/text.sse",
      'Grüße aus 東京 👋🏽. Say "usage": "finish_reason": [DONE]\n\\ "error".',
      { input_tokens: 24, output_tokens: 9, input_tokens_details: { cached_tokens: 16 } },
    ],
    [
      "messages",
      "anthropic/text.sse",
      'Grüße aus 東京 👋🏽: "type":"message_stop" and "error"\n',
      { input_tokens: 126, output_tokens: 12, total_tokens: 138 },
    ],
  ] as const)("text of %s", async (dialect, name, text, usage) => {
    answeredBy(dialect, name);
    const response = await final();
    expect(response.output_text).toBe(text);
    expect(response).toMatchObject({ status: "completed", usage, error: null });
    expect(sent).toMatchObject({ stream: true });
  });

  it.each([
    ["chat", "openai/parallel-tools.sse", ["get_weather", "get_time"]],
    ["messages", "anthropic/parallel-tools.sse", ["get_weather", "list_zones"]],
  ] as const)("parallel calls of %s", async (dialect, name, names) => {
    answeredBy(dialect, name);
    const { output } = await final();
    const calls = output.filter((item) => item.type === "function_call");
    expect(calls.map((call) => call.name)).toEqual(names);
    expect(calls[0]?.arguments.replaceAll(" ", "")).toBe('{"city":"Zürich"}');
    expect(calls.every(({ status }) => status === "completed")).toBe(true);
  });

  it("keeps the digits of long integers in arguments (case 11)", async () => {
    answeredBy("chat", "openai/parallel-tools.sse");
    const { output } = await final();
    expect(output[1]).toMatchObject({ arguments: '{"zone":"CET","id":12345678901234567890}' });
  });

  it("a custom tool, in both ways", async () => {
    answeredBy("messages", "anthropic/parallel-tools.sse");
    const { output } = await final({ tools: [customShell] });
    expect(output.at(-1)).toMatchObject({
      type: "custom_tool_call",
      name: "list_zones",
      call_id: expect.stringMatching(/_toolu_01B$/),
    });
    expect(sent.tools).toMatchObject([{ name: "list_zones", input_schema: { required: ["input"] } }]);
  });

  it("reasoning of a chat provider, as a summary", async () => {
    answeredBy("chat", "openai/reasoning.sse");
    const response = await final();
    expect(response.output).toMatchObject([
      { type: "reasoning", summary: [{ type: "summary_text", text: "The user asks for 2+2." }] },
      { type: "message", content: [{ type: "output_text", text: "\n\n4." }] },
    ]);
  });

  it("refusals", async () => {
    answeredBy("chat", "openai/refusal.sse");
    const { output } = await final();
    expect(output).toMatchObject([
      { type: "message", content: [{ type: "refusal", refusal: "I'm sorry, I can't help with that." }] },
    ]);
  });

  it.each([
    ["chat", "openai/error.sse", /EngineCore/],
    ["messages", "anthropic/error.sse", /Overloaded/],
  ] as const)(
    "an error of %s half-way is raised, by both ways to stream (case 59)",
    async (dialect, name, words) => {
      answeredBy(dialect, name);
      await expect(final()).rejects.toThrow(words);
      const events: string[] = [];
      const read = async () => {
        for await (const event of await client.responses.create({ ...ask, stream: true }))
          events.push(event.type);
      };
      await expect(read()).rejects.toThrow(words);
      expect(events).toContain("response.created");
      expect(events).not.toContain("response.completed");
    },
  );
});

describe("the SDK reads streams of a responses provider", () => {
  const final = () => client.responses.stream(ask).finalResponse();

  it("whole, and cut by the limit", async () => {
    answeredBy("responses", "openai/responses-text.events");
    expect((await final()).output_text).toBe('Grüße 👋🏽: "response.completed" \\ "error".\n');
    answeredBy("responses", "openai/responses-incomplete.events");
    expect(await final()).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output_text: "Once",
    });
  });

  it.each([
    ["failed", "rate_limit_exceeded", /Rate limit reached/],
    ["error", "server_error", /had an error/],
  ])("%s: throws an error with the provider's own type", async (name, type, words) => {
    answeredBy("responses", `openai/responses-${name}.events`);
    await expect(final()).rejects.toMatchObject({ type, message: expect.stringMatching(words) });
  });
});

describe("the SDK's second turn", () => {
  it("sends Anthropic's signed thinking back unchanged, before its call", async () => {
    answeredBy("messages", "anthropic/thinking.sse");
    const first = await client.responses.stream(ask).finalResponse();
    await client.responses
      .stream({
        ...ask,
        input: [
          { role: "user", content: "hello" },
          ...(first.output as OpenAI.Responses.ResponseInputItem[]),
          { role: "user", content: "And 3+3?" },
        ],
      })
      .finalResponse();
    expect(sent.messages).toEqual([
      { role: "user", content: [{ type: "text", text: "hello" }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "The user asks for 2+2.", signature: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h" },
          { type: "redacted_thinking", data: "EmwKAhgBEgy3va3pzix" },
          { type: "text", text: "4." },
        ],
      },
      { role: "user", content: [{ type: "text", text: "And 3+3?" }] },
    ]);
  });

  it("sends a chat provider's reasoning back under its name", async () => {
    answeredBy("chat", "openai/reasoning.sse");
    const first = await client.responses.stream(ask).finalResponse();
    await client.responses.create({ ...ask, stream: true, input: first.output as never });
    expect(sent.messages).toEqual([
      { role: "assistant", content: "\n\n4.", reasoning: "The user asks for 2+2." },
    ]);
  });

  it("reaches another provider without reasoning that it cannot read", async () => {
    answeredBy("messages", "anthropic/thinking.sse");
    const first = await client.responses.stream(ask).finalResponse();
    answeredBy("chat", "openai/text.sse");
    await client.responses.stream({ ...ask, input: first.output as never }).finalResponse();
    expect(sent.messages).toEqual([{ role: "assistant", content: "4." }]);
  });
});
