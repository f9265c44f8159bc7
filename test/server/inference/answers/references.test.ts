import { describe, expect, it } from "vitest";
import { reply, type Script, upstream } from "../../../support/upstream.ts";
import { addLlm, withProvider } from "../setup.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

const user = (content: string) => ({ role: "user", content });
const tools = [{ type: "function", name: "f", parameters: { type: "object", properties: {} } }];

/** A chat provider that calls the tool, and answers once it has the result. */
const chatProvider: Script = ({ body }, connection) => {
  const hasResult = body.messages.at(-1).role === "tool";
  const call = { id: "c1", type: "function", function: { name: "f", arguments: "{}" } };
  const message = hasResult
    ? { role: "assistant", content: "done", reasoning_content: "so" }
    : { role: "assistant", content: null, reasoning_content: "hm", tool_calls: [call] };
  const finish_reason = hasResult ? "stop" : "tool_calls";
  const id = "chatcmpl-1";
  const usage = { prompt_tokens: 1, completion_tokens: 1 };
  if (!body.stream)
    return connection.write(reply(200, { id, choices: [{ index: 0, message, finish_reason }], usage }));
  const delta = { ...message, ...(message.tool_calls && { tool_calls: [{ index: 0, ...call }] }) };
  const frames = [
    { id, choices: [{ index: 0, delta, finish_reason: null }] },
    { id, choices: [{ index: 0, delta: {}, finish_reason }], usage },
  ];
  const text = `${frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("")}data: [DONE]\n\n`;
  connection.write(
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
};

/** OpenAI's own: sealed reasoning, a call, and then the answer. */
const nativeProvider: Script = ({ body }, connection) => {
  const hasResult = body.input.at(-1).type === "function_call_output";
  const call = {
    type: "function_call",
    id: "fc_1",
    call_id: "call_1",
    name: "f",
    arguments: "{}",
    status: "completed",
  };
  const text = {
    type: "message",
    id: "msg_1",
    role: "assistant",
    content: [{ type: "output_text", text: "done", annotations: [] }],
  };
  const reasoning = {
    type: "reasoning",
    id: hasResult ? "rs_2" : "rs_1",
    summary: [],
    encrypted_content: "gAAA",
  };
  const output = [reasoning, hasResult ? text : call];
  const id = hasResult ? "resp_2" : "resp_1";
  connection.write(
    reply(200, {
      id,
      object: "response",
      status: "completed",
      output,
      usage: { input_tokens: 1, output_tokens: 1 },
    }),
  );
};

const outputOf = ({ body, text }: Whatever): Whatever => {
  if (body?.output) return body;
  const events = text.split("\n\n").flatMap((frame: string) => frame.match(/^data: (\{.*)$/m)?.[1] ?? []);
  return JSON.parse(events.at(-1)).response;
};

describe.each([
  ["translated", { responses: "translated" }, chatProvider, false],
  ["translated and streamed", { responses: "translated" }, chatProvider, true],
  ["native", { model: "gpt-5.4" }, nativeProvider, false],
] as const)("a %s responses call that refers to earlier answers (case 99)", (_name, llm, script, stream) => {
  it("goes on by item_reference, as the Vercel AI SDK does it", async () => {
    const { provider, call } = await withProvider(script, llm);
    const first = outputOf(
      await call("POST", "/v1/responses", { model: "gpt", tools, stream, input: [user("hi")] }),
    );
    const references = first.output.map(({ id }: Whatever) => ({ type: "item_reference", id }));
    const { call_id } = first.output.find(({ type }: Whatever) => type === "function_call");
    const input = [user("hi"), ...references, { type: "function_call_output", call_id, output: "ok" }];
    const second = await call("POST", "/v1/responses", { model: "gpt", tools, stream, input });
    expect(second.status).toBe(200);
    expect(JSON.stringify(outputOf(second))).toContain("done");
    expect(JSON.stringify(provider.seen[1]?.body)).not.toContain("item_reference");
  });

  it("goes on by previous_response_id, several times", async () => {
    const { provider, call } = await withProvider(script, llm);
    const first = outputOf(await call("POST", "/v1/responses", { model: "gpt", tools, stream, input: "hi" }));
    const { call_id } = first.output.find(({ type }: Whatever) => type === "function_call");
    const input = [{ type: "function_call_output", call_id, output: "ok" }];
    const second = await call("POST", "/v1/responses", {
      model: "gpt",
      tools,
      stream,
      input,
      previous_response_id: first.id,
    });
    expect(JSON.stringify(outputOf(second))).toContain("done");
    const third = { model: "gpt", tools, stream, input: "more", previous_response_id: outputOf(second).id };
    expect((await call("POST", "/v1/responses", third)).status).toBe(200);
    const sent = JSON.stringify(provider.seen[2]?.body);
    for (const words of ["hi", "ok", "done", "more"]) expect(sent).toContain(words);
    expect(provider.seen[2]?.body.previous_response_id ?? null).toBeNull();
  });
});

describe("a reference (case 99)", () => {
  const refersTo = (id: string) => ({
    model: "gpt",
    input: [user("hi"), { type: "item_reference", id }, user("and?")],
  });

  it("to an answer of another token, or to nothing, is refused and names the field", async () => {
    const { server, provider, call } = await withProvider(chatProvider, { responses: "translated" });
    const { body } = await call("POST", "/v1/responses", { model: "gpt", tools, input: "hi" });
    const other = await server.token("other", [{ role: "run", resource: "llms" }]);
    const item = body.output.at(-1).id;
    const refused = [
      await other.call("POST", "/v1/responses", refersTo(item)),
      await other.call("POST", "/v1/responses", { model: "gpt", input: "x", previous_response_id: body.id }),
      await call("POST", "/v1/responses", refersTo("msg_nothing")),
      await call("POST", "/v1/responses", { model: "gpt", input: "x", previous_response_id: "resp_nothing" }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(refused.map(({ body: { error } }) => error.param)).toEqual([
      "input[1]",
      "previous_response_id",
      "input[1]",
      "previous_response_id",
    ]);
    expect(provider.seen).toHaveLength(1);
  });

  it("to reasoning that is forgotten is left out, and nothing is remembered with store: false", async () => {
    const { call } = await withProvider(chatProvider, { responses: "translated" });
    expect((await call("POST", "/v1/responses", refersTo("rs_nothing"))).status).toBe(200);
    const { body } = await call("POST", "/v1/responses", { model: "gpt", store: false, tools, input: "hi" });
    const next = { model: "gpt", input: "x", previous_response_id: body.id };
    expect((await call("POST", "/v1/responses", next)).status).toBe(400);
  });
});

/** An account that reads only reasoning that it sealed itself. */
const account =
  (mark: string): Script =>
  ({ body }, connection) => {
    const foreign = body.input.find(
      (item: Whatever) => item.encrypted_content !== undefined && item.encrypted_content !== mark,
    );
    if (foreign) {
      const message = "The encrypted content gAAA could not be verified.";
      return connection.write(reply(400, { error: { message, code: "invalid_encrypted_content" } }));
    }
    const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: mark };
    connection.write(
      reply(200, {
        id: `resp_${mark}`,
        object: "response",
        status: "completed",
        output: [reasoning],
        usage: {},
      }),
    );
  };

describe("sealed reasoning of another account (case 98)", () => {
  it("stays at the member of the pool that sealed it", async () => {
    const { server, provider, call } = await withProvider(account("A"), { model: "gpt-5.4", poolName: "p" });
    const other = upstream(account("B"));
    await addLlm(server, { name: "b", url: other.url, model: "gpt-5.4", poolName: "p" });
    for (let round = 0; round < 6; round++) {
      const { body } = await call("POST", "/v1/responses", { model: "p", store: false, input: [user("hi")] });
      const next = { model: "p", store: false, input: [user("hi"), ...body.output, user("and?")] };
      expect((await call("POST", "/v1/responses", next)).body.id).toBe(body.id);
    }
    expect(provider.seen.length + other.seen.length).toBe(12);
  });

  it("is left out where nobody can read it, so that the conversation goes on", async () => {
    const { provider, call } = await withProvider(account("A"), { model: "gpt-5.4" });
    const foreign = { type: "reasoning", id: "rs_9", summary: [], encrypted_content: "B" };
    const compaction = { type: "compaction", encrypted_content: "C" };
    const input = [compaction, user("hi"), foreign, user("and?")];
    const { status } = await call("POST", "/v1/responses", { model: "gpt", store: false, input });
    expect(status).toBe(200);
    expect(provider.seen).toHaveLength(2);
    const sent = JSON.stringify(provider.seen[1]?.body.input);
    expect(sent).toContain("compacted by another provider");
    expect(sent).not.toContain("encrypted_content");
  });

  it("is left out of messages, and a budget for thinking with it", async () => {
    const script: Script = ({ body }, connection) => {
      const hasThinking = JSON.stringify(body.messages).includes("signature");
      if (!hasThinking) {
        const content = [{ type: "text", text: "ok" }];
        return connection.write(
          reply(200, {
            id: "msg_1",
            type: "message",
            role: "assistant",
            content,
            stop_reason: "end_turn",
            usage: {},
          }),
        );
      }
      const error = {
        type: "invalid_request_error",
        message: "messages.1.content.0: Invalid `signature` in `thinking` block",
      };
      connection.write(reply(400, { type: "error", error }));
    };
    const { provider, call } = await withProvider(script, { type: "anthropic", model: "claude-sonnet-4-5" });
    const content = [
      { type: "thinking", thinking: "t", signature: "of a relay" },
      { type: "tool_use", id: "t", name: "f", input: {} },
    ];
    const result = [{ type: "tool_result", tool_use_id: "t", content: "ok" }];
    const messages = [user("hi"), { role: "assistant", content }, { role: "user", content: result }];
    const thinking = { type: "enabled", budget_tokens: 2_000 };
    const { status } = await call("POST", "/v1/messages", {
      model: "gpt",
      max_tokens: 4_000,
      thinking,
      messages,
    });
    expect(status).toBe(200);
    expect(provider.seen[1]?.body).toMatchObject({
      thinking: { type: "disabled" },
      messages: [{}, { content: [content[1]] }, {}],
    });
  });

  it("of this program reaches Anthropic neither in a call nor where its tokens are counted", async () => {
    const { provider, call } = await withProvider(
      (_, connection) => connection.write(reply(200, { input_tokens: 7, content: [], usage: {} })),
      { type: "anthropic", model: "claude-sonnet-4-6" },
    );
    const content = [
      { type: "thinking", thinking: "t", signature: "mcpctl.1.e30" },
      { type: "text", text: "y" },
    ];
    const messages = [user("hi"), { role: "assistant", content }, user("and?")];
    for (const path of ["/v1/messages", "/v1/messages/count_tokens"])
      expect((await call("POST", path, { model: "gpt", max_tokens: 9, messages })).status).toBe(200);
    for (const { body } of provider.seen) expect(body.messages[1].content).toEqual([content[1]]);
  });

  it("is not sent again where the error says something else, or nothing can be left out", async () => {
    const { provider, call } = await withProvider(account("A"), { model: "gpt-5.4" });
    const odd = { type: "message", role: "user", content: "x", encrypted_content: "B" };
    const { status } = await call("POST", "/v1/responses", { model: "gpt", store: false, input: [odd] });
    expect(status).toBe(400);
    expect(provider.seen).toHaveLength(1);
  });
});
