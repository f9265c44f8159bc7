import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import {
  answer,
  eventsOfAnswer,
  functionCall,
  message,
  reasoning,
  type Whatever,
} from "../../adapters/translation/chat-to-responses/answers.ts";
import {
  chatAnswer,
  chunk,
  lastChunk,
  reply,
  type Script,
  streamHead,
  upstream,
} from "../../support/upstream.ts";
import { addLlm, confidential, lastEvent, onlyEvent, withProvider } from "./setup.ts";

const reasoner = { model: "gpt-5.6-sol", responses: "native" };
const path = "/v1/responses";
const chatPath = "/v1/chat/completions";
const streamOf = (whole: Whatever) => streamHead + chunk(eventsOfAnswer(whole)) + lastChunk;
const input_schema = { type: "object" as const, properties: { path: { type: "string" } } };
const tools = [{ name: "read", input_schema }];
const first = answer([
  reasoning("rs_1", "Let me look.", "Which file?"),
  message("msg_1", "I read it.", { phase: "commentary" }),
  functionCall("call_0123456789abcdef", "read", '{"path":"a.txt"}'),
  reasoning("rs_2"),
  functionCall("call_fedcba9876543210", "read", '{"path":"b.txt"}'),
]);
const second = answer([message("msg_2", "Both are empty.", { phase: "final_answer" })]);

/** A provider that answers as OpenAI does: the first call with tool calls, a call with their results with text. */
const openai: Script = ({ body }, connection) => {
  const hasResult = body.input.some((item: Whatever) => item.type === "function_call_output");
  const whole = hasResult ? second : first;
  connection.write(body.stream ? streamOf(whole) : reply(200, whole));
};

describe("Anthropic's SDK at an llm whose provider has responses (case 127)", () => {
  it.each([true, false])("keeps its thinking in a whole loop of tools, streamed: %s", async (isStreamed) => {
    const { provider, server, bearer } = await withProvider(openai, reasoner);
    const client = new Anthropic({ baseURL: server.url, apiKey: bearer, maxRetries: 0 });
    const ask = (messages: Anthropic.MessageParam[]) => {
      const request = {
        model: "gpt",
        max_tokens: 20_000,
        system: "Be brief.",
        thinking: { type: "enabled" as const, budget_tokens: 16_000 },
        tools,
        messages,
      };
      return isStreamed ? client.messages.stream(request).finalMessage() : client.messages.create(request);
    };
    const question = { role: "user" as const, content: confidential };
    const turn = await ask([question]);
    expect(turn.stop_reason).toBe("tool_use");
    const kinds = turn.content.map(({ type }) => type);
    expect(kinds.filter((type) => type !== "thinking")).toEqual(["text", "tool_use", "tool_use"]);
    expect(kinds[0]).toBe("thinking");
    expect(turn.content[0]).toMatchObject({ thinking: "Let me look.\n\nWhich file?" });
    expect(turn.usage).toMatchObject({
      input_tokens: 20,
      cache_read_input_tokens: 100,
      output_tokens: 30,
      output_tokens_details: { thinking_tokens: 20 },
    });

    const results = turn.content.flatMap((block) =>
      block.type === "tool_use" ? [{ type: "tool_result" as const, tool_use_id: block.id, content: "" }] : [],
    );
    const last = await ask([
      question,
      { role: "assistant", content: turn.content },
      { role: "user", content: results },
    ]);
    expect(last.content.at(-1)).toMatchObject({ type: "text", text: "Both are empty." });
    expect(last.stop_reason).toBe("end_turn");

    expect(provider.seen.map((seen) => seen.path)).toEqual([path, path]);
    const [one, two] = provider.seen.map(({ body }) => body);
    expect(one).toEqual({
      model: "gpt-5.6-sol",
      instructions: "Be brief.",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: confidential }] }],
      max_output_tokens: 20_000,
      tools: [{ type: "function", name: "read", parameters: input_schema, strict: false }],
      reasoning: { effort: "high", summary: "auto" },
      store: false,
      include: ["reasoning.encrypted_content"],
      ...(isStreamed && { stream: true }),
    });
    const { input, ...settings } = two;
    const { input: before, ...same } = one;
    expect(settings).toEqual(same);
    const call = ({ id: _, status: _s, ...item }: Whatever) => item;
    expect(input).toEqual([
      ...before,
      first.output[0],
      {
        type: "message",
        role: "assistant",
        content: [{ type: "output_text", text: "I read it." }],
        phase: "commentary",
      },
      call(first.output[2]),
      first.output[3],
      call(first.output[4]),
      { type: "function_call_output", call_id: "call_0123456789abcdef", output: "" },
      { type: "function_call_output", call_id: "call_fedcba9876543210", output: "" },
    ]);
    expect(await lastEvent(server)).toMatchObject({ dialect: "messages", promptTokens: 120, status: 200 });
  });

  it("counts tokens without a call", async () => {
    const { provider, server, bearer } = await withProvider(openai, reasoner);
    const client = new Anthropic({ baseURL: server.url, apiKey: bearer, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hello" }];
    expect((await client.messages.countTokens({ model: "gpt", messages })).input_tokens).toBeGreaterThan(0);
    expect(provider.seen).toEqual([]);
  });
});

const hello = { model: "gpt", max_tokens: 100, messages: [{ role: "user", content: "hello" }] };
const either: Script = (seen, connection) => {
  if (seen.path === path) return openai(seen, connection);
  connection.write(reply(200, chatAnswer("ok")));
};

describe("the path of a call of messages (case 127)", () => {
  it.each([
    ["native responses", reasoner, {}, path],
    ["a model that does not reason", { ...reasoner, model: "gpt-4o" }, {}, chatPath],
    ["somebody's own server", { model: "gpt-5.6-sol" }, {}, chatPath],
    ["translated responses", { model: "gpt-5.6-sol", responses: "translated" }, {}, chatPath],
    ["stop sequences", reasoner, { stop_sequences: ["END"] }, chatPath],
  ])("at an llm with %s", async (_, llm, more, expected) => {
    const { provider, call } = await withProvider(either, llm);
    expect((await call("POST", "/v1/messages", { ...hello, ...more })).status).toBe(200);
    expect(provider.seen.map((seen) => seen.path)).toEqual([expected]);
  });

  const chatTools = [{ type: "function", function: { name: "f", parameters: input_schema } }];
  it.each([
    ["without tools", {}, chatPath],
    ["with tools and no effort", { tools: chatTools }, chatPath],
    ["with an effort and no tools", { reasoning_effort: "high" }, chatPath],
  ])("a chat call %s stays in chat", async (_, more, expected) => {
    const { provider, call } = await withProvider(either, reasoner);
    expect((await call("POST", chatPath, { ...hello, ...more })).status).toBe(200);
    expect(provider.seen.map((seen) => seen.path)).toEqual([expected]);
  });

  it("of chat leads to responses at a model that has no chat", async () => {
    const { provider, call } = await withProvider(either, { ...reasoner, model: "gpt-5.2-pro" });
    const { status, body } = await call("POST", chatPath, hello);
    expect([status, provider.seen[0]?.path]).toEqual([200, path]);
    expect(body.choices[0].finish_reason).toBe("tool_calls");
    const refused = await call("POST", chatPath, { ...hello, stop: ["x"] });
    expect([refused.status, refused.body.error.param]).toEqual([400, "stop"]);
  });
});

describe("a refusal of responses (case 129)", () => {
  it("of sealed reasoning from another account: the call is sent without it", async () => {
    const { provider, server, call } = await withProvider((seen, connection) => {
      const isSealed = seen.body.input.some((item: Whatever) => item.type === "reasoning");
      const error = {
        message: "The encrypted content could not be verified.",
        code: "invalid_encrypted_content",
      };
      connection.write(isSealed ? reply(400, { error }) : reply(200, first));
    }, reasoner);
    const { body: turn } = await call("POST", "/v1/messages", { ...hello, tools });
    const results = turn.content.flatMap(({ type, id }: Whatever) =>
      type === "tool_use" ? [{ type: "tool_result", tool_use_id: id, content: "x" }] : [],
    );
    const messages = [
      ...hello.messages,
      { role: "assistant", content: turn.content },
      { role: "user", content: results },
    ];
    expect((await call("POST", "/v1/messages", { ...hello, tools, messages })).status).toBe(200);
    expect(provider.seen).toHaveLength(3);
    expect(provider.seen[2]?.body).toMatchObject({ include: ["reasoning.encrypted_content"] });
    expect(await lastEvent(server)).toMatchObject({ status: 200 });
  });

  it.each([true, false])(
    "does not happen in a pool: the member that sealed it is asked (case 98), streamed: %s",
    async (stream) => {
      const counts = [0, 0];
      const member =
        (own: number): Script =>
        ({ body }, connection) => {
          counts[own]!++;
          const mine = `gAAAA${own}`;
          const isForeign = body.input.some(
            (item: Whatever) => item.type === "reasoning" && item.encrypted_content !== mine,
          );
          const error = {
            message: "The encrypted content could not be verified.",
            code: "invalid_encrypted_content",
          };
          const sealed = { ...reasoning("rs_1"), encrypted_content: mine };
          const whole = answer([sealed, functionCall("call_0123456789abcdef", "read", "{}")]);
          connection.write(
            isForeign ? reply(400, { error }) : body.stream ? streamOf(whole) : reply(200, whole),
          );
        };
      const { server, call } = await withProvider(member(0), { ...reasoner, poolName: "both" });
      await addLlm(server, { ...reasoner, name: "other", poolName: "both", url: upstream(member(1)).url });
      const ask = async (messages: object[]) => {
        const request = { ...hello, model: "both", tools, messages, stream };
        const { text } = await call("POST", "/v1/messages", request);
        const [, signature] = /"signature":"(mcpctl[^"]+)"/.exec(text)!;
        return [
          ...messages,
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "", signature },
              { type: "tool_use", id: "call_0123456789abcdef", name: "read", input: {} },
            ],
          },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: "call_0123456789abcdef", content: "x" }],
          },
        ];
      };
      let messages = await ask(hello.messages);
      for (let n = 0; n < 6; n++) messages = await ask(messages);
      expect(counts.toSorted()).toEqual([0, 7]);
    },
  );

  it("of a summary: it is left out, and remembered", async () => {
    const { provider, call } = await withProvider((seen, connection) => {
      const message = "Your organization must be verified to generate reasoning summaries.";
      const error = { message, param: "reasoning.summary", code: "unsupported_value" };
      connection.write(seen.body.reasoning?.summary ? reply(400, { error }) : reply(200, second));
    }, reasoner);
    for (let n = 0; n < 2; n++) expect((await call("POST", "/v1/messages", hello)).status).toBe(200);
    expect(provider.seen.map(({ body }) => body.reasoning)).toEqual([
      { summary: "auto" },
      undefined,
      undefined,
    ]);
  });

  it.each([404, 405, 501])(
    "with status %d: the call goes to chat, and so do the next ones",
    async (status) => {
      const { provider, call } = await withProvider(
        (seen, connection) => {
          if (seen.path.endsWith("/responses"))
            return connection.write(reply(status, { error: { message: "no such path" } }));
          connection.write(reply(200, chatAnswer("ok")));
        },
        { type: "azure", model: "gpt-5.6-sol" },
      );
      for (let n = 0; n < 2; n++) expect((await call("POST", "/v1/messages", hello)).status).toBe(200);
      expect(provider.seen.map((seen) => seen.path)).toEqual([path, chatPath, chatPath]);
    },
  );

  it("that the llm insists on is the caller's error", async () => {
    const { provider, call } = await withProvider(
      (_, connection) => connection.write(reply(404, { error: { message: "no such path" } })),
      reasoner,
    );
    expect((await call("POST", "/v1/messages", hello)).status).toBe(404);
    expect(provider.seen).toHaveLength(1);
  });

  it("that fails at once is the caller's error, with its code and its status", async () => {
    const failed = { code: "rate_limit_exceeded", message: "Rate limit reached. Please try again in 60s." };
    const { server, call } = await withProvider((_, connection) => {
      const frames = eventsOfAnswer(answer([])).split("event: response.completed")[0]!;
      const data = JSON.stringify({
        type: "response.failed",
        response: { ...answer([]), status: "failed", error: failed },
      });
      connection.write(streamHead + chunk(`${frames}event: response.failed\ndata: ${data}\n\n`) + lastChunk);
    }, reasoner);
    const { status, body } = await call("POST", "/v1/messages", { ...hello, stream: true });
    expect([status, body.error.type]).toEqual([429, "rate_limit_error"]);
    expect(await onlyEvent(server)).toMatchObject({ status: 429 });
  });
});
