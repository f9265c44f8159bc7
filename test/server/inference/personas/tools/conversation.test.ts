import { describe, expect, it } from "vitest";
import { llmOf, model, question, withTools } from "./setup.ts";

const parameters = { type: "object" as const, properties: {} };
const ownChat = { type: "function" as const, function: { name: "look", parameters } };
/** Calls a tool of the project and one of the caller's in the same answer. */
const mixed = {
  text: "Both.",
  calls: [
    { name: "look", args: {} },
    { name: "add", args: { a: 1, b: 2 } },
  ],
};
const turns = [{ calls: [{ name: "add", args: { a: 4, b: 4 } }] }, mixed, { text: "Done." }];
const last = (server: Awaited<ReturnType<typeof withTools>>) => server.provider.seen.at(-1)!.body;

describe("the caller's own tools beside those of the project", () => {
  it.each([false, true])(
    "end a chat completion, and the conversation goes on with all results (streamed: %s)",
    async (stream) => {
      const server = await withTools({ turns });
      const request = { model, messages: [question], tools: [ownChat] };
      const completion = stream
        ? await server.openai.chat.completions.stream(request).finalChatCompletion()
        : await server.openai.chat.completions.create(request);
      const [choice] = completion.choices;
      expect(choice).toMatchObject({ finish_reason: "tool_calls", message: { content: "Both." } });
      const { message } = choice!;
      expect(message.tool_calls).toMatchObject([
        { id: "call_1_0", function: { name: "look", arguments: "{}" } },
      ]);
      expect(server.provider.seen).toHaveLength(2);
      expect(last(server).tools.map((tool: typeof ownChat) => tool.function.name)).toEqual([
        "add",
        "greet",
        "look",
      ]);
      expect(server.mcp.of("tools/call")).toHaveLength(2);

      const next = await server.openai.chat.completions.create({
        ...request,
        messages: [question, message, { role: "tool", tool_call_id: "call_1_0", content: "a cat" }],
      });
      expect(next.choices[0]!.message).toMatchObject({ content: "Done." });
      const call = (id: string, name: string) => ({
        role: "assistant",
        tool_calls: [{ id, function: { name } }],
      });
      expect(last(server).messages).toMatchObject([
        { role: "system" },
        question,
        call("call_0_0", "add"),
        { role: "tool", tool_call_id: "call_0_0", content: "8" },
        call("call_1_1", "add"),
        { role: "tool", tool_call_id: "call_1_1", content: "3" },
        { ...call("call_1_0", "look"), content: "Both." },
        { role: "tool", tool_call_id: "call_1_0", content: "a cat" },
      ]);
      expect(JSON.stringify(last(server))).not.toContain("executed_tools");
    },
  );

  it.each([false, true])("end an answer of messages (streamed: %s)", async (stream) => {
    const server = await withTools({ turns, llm: llmOf.messages });
    const request = {
      model,
      max_tokens: 10,
      messages: [question],
      tools: [{ name: "look", input_schema: parameters }],
    };
    const answer = stream
      ? await server.anthropic.beta.messages.stream(request).finalMessage()
      : await server.anthropic.beta.messages.create(request);
    expect(answer.stop_reason).toBe("tool_use");
    expect(answer.content.map(({ type }) => type)).toEqual([
      "mcp_tool_use",
      "mcp_tool_result",
      "text",
      "tool_use",
      "mcp_tool_use",
      "mcp_tool_result",
    ]);
    expect(server.provider.seen).toHaveLength(2);
    await server.anthropic.beta.messages.create({
      ...request,
      messages: [
        question,
        { role: "assistant", content: answer.content },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1_0", content: "a cat" }] },
      ],
    });
    const result = (tool_use_id: string, content: string) => ({ type: "tool_result", tool_use_id, content });
    expect(last(server).messages).toMatchObject([
      question,
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "call_0_0", name: "add", input: { a: 4, b: 4 } }],
      },
      { role: "user", content: [result("call_0_0", "8")] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Both." },
          { type: "tool_use", id: "call_1_0", name: "look" },
          { type: "tool_use", id: "call_1_1", name: "add", input: { a: 1, b: 2 } },
        ],
      },
      { role: "user", content: [result("call_1_1", "3"), result("call_1_0", "a cat")] },
    ]);
  });

  it.each([
    { llm: llmOf.responses, stream: false },
    { llm: llmOf.responses, stream: true },
    { llm: llmOf.chat, stream: true },
  ])(
    "end a response, which the next request names by its id ($llm, streamed: $stream)",
    async ({ llm, stream }) => {
      const server = await withTools({ turns: [...turns, { text: "And more." }], llm });
      const request = {
        model,
        input: "what is 1 + 2?",
        tools: [{ type: "function" as const, name: "look", parameters, strict: false }],
      };
      const answer = stream
        ? await server.openai.responses.stream(request).finalResponse()
        : await server.openai.responses.create(request);
      expect(answer.status).toBe("completed");
      expect(answer.output.map(({ type }) => type)).toEqual([
        "mcp_call",
        "message",
        "function_call",
        "mcp_call",
      ]);
      expect(answer.tools).toMatchObject([{ name: "look" }]);
      const next = await server.openai.responses.create({
        ...request,
        previous_response_id: answer.id,
        input: [{ type: "function_call_output", call_id: "call_1_0", output: "a cat" }],
      });
      expect(next.output_text).toBe("Done.");
      const sent = JSON.stringify(last(server));
      expect(sent).not.toContain("mcp_call");
      for (const text of ["what is 1 + 2?", '"8"', '"3"', "a cat"]) expect(sent).toContain(text);
      const third = await server.openai.responses.create({
        model,
        previous_response_id: next.id,
        input: "more",
      });
      expect(third.output_text).toBe("And more.");
      expect(JSON.stringify(last(server))).toContain("a cat");
    },
  );
});

describe("a client that sends only its own calls back", () => {
  const id = "call_of_the_caller";
  const first = [
    { calls: [{ name: "add", args: { a: 4, b: 4 } }] },
    { text: "Both.", calls: [{ name: "look", args: {}, id }] },
    { text: "Done." },
  ];
  const result = "a cat";

  it("does not make the model forget calls that the server made (chat completions)", async () => {
    const server = await withTools({ turns: first });
    const request = { model, messages: [question], tools: [ownChat] };
    const { choices } = await server.openai.chat.completions.create(request);
    const { tool_calls, content } = choices[0]!.message;
    const history = [
      question,
      { role: "assistant" as const, content, tool_calls: tool_calls! },
      { role: "tool" as const, tool_call_id: id, content: result },
    ];
    await server.openai.chat.completions.create({ ...request, messages: history });
    const { messages } = last(server);
    expect(messages.map(({ role }: { role: string }) => role).join()).toBe(
      "system,user,assistant,tool,assistant,tool",
    );
    expect(messages[3]).toEqual({ role: "tool", tool_call_id: "call_0_0", content: "8" });
    // Nobody else gets what it was.
    const { call } = await server.token(
      "other",
      ["agents", "projects"].map((resource) => ({ role: "run", resource })),
    );
    await call("POST", "/v1/chat/completions", { ...request, messages: history });
    expect(JSON.stringify(last(server))).not.toContain('"8"');
  });

  it("does not make the model forget calls that the server made (messages)", async () => {
    const server = await withTools({ turns: first, llm: llmOf.messages });
    const tools = [{ name: "look", input_schema: parameters }];
    const request = { model, max_tokens: 10, messages: [question], tools };
    const { content } = await server.anthropic.messages.create(request);
    const own = content.filter(({ type }) => type === "text" || type === "tool_use");
    const messages = [
      question,
      { role: "assistant" as const, content: own },
      {
        role: "user" as const,
        content: [{ type: "tool_result" as const, tool_use_id: id, content: result }],
      },
    ];
    await server.anthropic.messages.create({ ...request, messages });
    const sent = last(server).messages;
    expect(sent).toHaveLength(5);
    expect(sent[2].content).toMatchObject([{ type: "tool_result", tool_use_id: "call_0_0", content: "8" }]);
    expect(JSON.stringify(sent)).not.toContain("mcp_");
  });

  it("does not make the model forget calls that the server made (responses)", async () => {
    const server = await withTools({ turns: first, llm: llmOf.responses });
    const tools = [{ type: "function" as const, name: "look", parameters, strict: false }];
    const { output } = await server.openai.responses.create({ model, input: "1 + 2?", tools, store: false });
    const own = output.filter(({ type }) => type === "function_call" || type === "message");
    const done = { type: "function_call_output" as const, call_id: id, output: result };
    // biome-ignore lint/suspicious/noExplicitAny: items of an answer are items of a request
    const input = [{ role: "user", content: "1 + 2?" }, ...own, done] as any;
    await server.openai.responses.create({ model, input, tools, store: false });
    expect(last(server).input.map(({ type = "message" }) => type)).toEqual([
      "message",
      "message",
      "function_call",
      "function_call_output",
      "function_call",
      "function_call_output",
    ]);
  });
});

describe("a tool of the caller with the name of a tool of the project", () => {
  it("keeps its name, and the other one gets another", async () => {
    const server = await withTools({
      turns: [{ calls: [{ name: "p_add", args: { a: 1, b: 1 } }] }, { calls: [{ name: "add" }] }],
    });
    const own = { type: "function" as const, function: { name: "add", parameters } };
    const { choices } = await server.openai.chat.completions.create({
      model,
      messages: [question],
      tools: [own],
    });
    expect(last(server).tools.map((tool: typeof own) => tool.function.name)).toEqual([
      "p_add",
      "greet",
      "add",
    ]);
    expect(choices[0]!.message).toMatchObject({
      tool_calls: [{ function: { name: "add" } }],
      executed_tools: [{ name: "add", output: "2" }],
    });
    expect(server.mcp.of("tools/call")).toHaveLength(1);
  });
});

describe("an answer that must be JSON", () => {
  const jsonTurns = [
    { text: "Let me see.", calls: [{ name: "add", args: { a: 1, b: 2 } }] },
    { text: '{"sum":3}' },
  ];
  const format = { name: "sum", schema: { type: "object", properties: { sum: { type: "number" } } } };

  it.each([false, true])("has the text of the last round alone (streamed: %s)", async (stream) => {
    const server = await withTools({ turns: [...jsonTurns, ...jsonTurns, ...jsonTurns] });
    const chat = {
      model,
      messages: [question],
      response_format: { type: "json_schema" as const, json_schema: format },
    };
    const completion = stream
      ? await server.openai.chat.completions.stream(chat).finalChatCompletion()
      : await server.openai.chat.completions.create(chat);
    expect(completion.choices[0]!.message.content).toBe('{"sum":3}');
    const message = {
      model,
      max_tokens: 10,
      messages: [question],
      output_config: { format: { type: "json_schema" as const, schema: format.schema } },
    };
    const answer = stream
      ? await server.anthropic.messages.stream(message).finalMessage()
      : await server.anthropic.messages.create(message);
    const texts = answer.content.flatMap((block) => (block.type === "text" ? [block.text] : []));
    expect(texts).toEqual(['{"sum":3}']);
    const response = {
      model,
      input: "1 + 2?",
      text: { format: { type: "json_schema" as const, ...format, strict: false } },
    };
    const whole = stream
      ? await server.openai.responses.stream(response).finalResponse()
      : await server.openai.responses.create(response);
    expect(whole.output_text).toBe('{"sum":3}');
  });
});
