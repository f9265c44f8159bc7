import { describe, expect, it } from "vitest";
import { llmOf, model, question, withTools } from "./setup.ts";

const turns = [
  {
    text: "Let me see.",
    calls: [
      { name: "add", args: { a: 1, b: 2 } },
      { name: "greet", args: { name: "Ada" } },
    ],
  },
  { text: "It is 3." },
];
const providers = Object.entries(llmOf).map(([dialect, llm]) => ({ dialect, llm }));
const called = (server: { mcp: { of(method: string): { params: { name: string } }[] } }) =>
  server.mcp.of("tools/call").map(({ params }) => params.name);

describe.each(providers)("a persona with tools, at a provider of the dialect $dialect", ({ llm }) => {
  it("answers chat completions, whole and streamed, as one answer", async () => {
    const server = await withTools({ llm, turns: [...turns, ...turns] });
    const executed = [
      { type: "mcp", round: 0, server_label: "p", name: "add", output: "3", is_error: false },
      { type: "mcp", round: 0, server_label: "p", name: "greet", output: "hello Ada", is_error: false },
    ];
    const request = { model, messages: [question] };
    const whole = await server.openai.chat.completions.create(request);
    expect(whole.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { role: "assistant", content: "Let me see.\n\nIt is 3.", executed_tools: executed },
    });
    expect(whole.choices[0]!.message.tool_calls).toBeUndefined();
    expect(whole).toMatchObject({
      model,
      usage: { prompt_tokens: 20, completion_tokens: 4, total_tokens: 24 },
    });

    const stream = server.openai.chat.completions.stream({
      ...request,
      stream_options: { include_usage: true },
    });
    const seen: string[] = [];
    stream.on("chunk", ({ choices: [choice] }) => {
      // biome-ignore lint/suspicious/noExplicitAny: no field of OpenAI's
      for (const one of (choice?.delta as any)?.executed_tools ?? [])
        seen.push(`${one.name} ${one.output ?? "begins"}`);
    });
    const final = await stream.finalChatCompletion();
    expect(seen.slice(0, 2)).toEqual(["add begins", "greet begins"]);
    expect(seen.slice(2, 4).sort()).toEqual(["add 3", "greet hello Ada"]);
    expect(final.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: "Let me see.\n\nIt is 3.", executed_tools: executed },
    });
    expect(final).toMatchObject({ usage: { prompt_tokens: 20, completion_tokens: 4 } });
    expect(called(server).sort()).toEqual(["add", "add", "greet", "greet"]);
  });

  it("answers messages, whole and streamed, with the blocks of Anthropic's MCP connector", async () => {
    const server = await withTools({ llm, turns: [...turns, ...turns, ...turns] });
    const request = { model, max_tokens: 100, messages: [question] };
    const call = { type: "mcp_tool_use", server_name: "p" };
    const blocks = [
      { type: "text", text: "Let me see." },
      { ...call, name: "add", input: { a: 1, b: 2 } },
      { ...call, name: "greet", input: { name: "Ada" } },
    ];
    const results = ["3", "hello Ada"].map((text) => ({
      type: "mcp_tool_result",
      is_error: false,
      content: [{ type: "text", text }],
    }));
    const whole = await server.anthropic.messages.create(request);
    expect(whole.content).toMatchObject([...blocks, ...results, { type: "text", text: "It is 3." }]);
    expect(whole).toMatchObject({
      model,
      stop_reason: "end_turn",
      usage: { input_tokens: 20, output_tokens: 4 },
    });
    const { messages, beta } = server.anthropic;
    for (const begin of [() => messages.stream(request), () => beta.messages.stream(request)]) {
      const final = await begin().finalMessage();
      expect(final.content.slice(0, 3)).toMatchObject(blocks);
      expect(final.content).toHaveLength(6);
      expect(final.content.slice(3, 5)).toEqual(
        expect.arrayContaining(results.map((r) => expect.objectContaining(r))),
      );
      expect(final.content[5]).toMatchObject({ type: "text", text: "It is 3." });
      expect(final).toMatchObject({ stop_reason: "end_turn", usage: { input_tokens: 20, output_tokens: 4 } });
    }
    expect(called(server)).toHaveLength(6);
  });

  it("answers responses, whole and streamed, with the items of OpenAI's MCP tool", async () => {
    const server = await withTools({ llm, turns: [...turns, ...turns] });
    const request = { model, input: "what is 1 + 2?" };
    const call = { type: "mcp_call", server_label: "p", status: "completed", error: null };
    const items = [
      { type: "message" },
      { ...call, name: "add", arguments: '{"a":1,"b":2}', output: "3" },
      { ...call, name: "greet", arguments: '{"name":"Ada"}', output: "hello Ada" },
      { type: "message" },
    ];
    const whole = await server.openai.responses.create(request);
    expect(whole.output).toMatchObject(items);
    expect(whole).toMatchObject({
      model,
      status: "completed",
      usage: { input_tokens: 20, output_tokens: 4 },
    });

    const stream = server.openai.responses.stream(request);
    const seen: string[] = [];
    stream.on("event", ({ type }) => void seen.push(type));
    const final = await stream.finalResponse();
    expect(final.output).toMatchObject(items);
    expect(final.output_text).toBe("Let me see.It is 3.");
    expect(final).toMatchObject({
      model,
      status: "completed",
      usage: { input_tokens: 20, output_tokens: 4 },
    });
    expect(seen.filter((type) => type === "response.created")).toHaveLength(1);
    expect(seen.filter((type) => type === "response.mcp_call.completed")).toHaveLength(2);
    expect(seen.filter((type) => /function_call/.test(type))).toEqual([]);
    expect(called(server)).toHaveLength(4);
  });
});
