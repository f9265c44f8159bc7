import { describe, expect, it } from "vitest";
import { must } from "../../../../support/server.ts";
import { events } from "../../setup.ts";
import { llmOf, model, question, said, usualTools, withTools } from "./setup.ts";

const add = { name: "add", args: { a: 1, b: 2 } };
const ask = { model, messages: [question] };

describe("calls of tools by a persona", () => {
  it("are in the audit log beside each call of the model, and count for the caller", async () => {
    const server = await withTools({ turns: [{ calls: [add, add] }, { text: "3" }] });
    await server.openai.chat.completions.create(ask);
    const calls = await server.audited();
    expect(calls).toMatchObject([
      { status: 200, detail: { project: "p", server: "calc", tool: "add" } },
      { status: 200, detail: { project: "p", server: "calc", tool: "add" } },
    ]);
    const rounds = await events(server);
    expect(rounds).toMatchObject([
      { llm: "gpt", completionTokens: 2, status: 200, detail: { agent: "helper" } },
      { llm: "gpt", completionTokens: 2, status: 200, detail: { agent: "helper" } },
    ]);
    expect(new Set([...calls, ...rounds].map(({ requestId }) => requestId)).size).toBe(1);
    expect(new Set([...calls, ...rounds].map(({ tokenId }) => tokenId)).size).toBe(1);
  });

  it("end with a message to the model if a tool fails, is missing, gets no JSON, or a limit is reached", async () => {
    const calls = [
      { name: "fail" },
      { name: "throw" },
      { name: "add", args: "{not json" },
      { name: "add", args: "[1]" },
      { name: "gone" },
    ];
    const server = await withTools({
      turns: [{ calls: calls.slice(0, 4) }, { calls: [add] }, { text: "sorry" }],
      tools: {
        ...usualTools,
        fail: () => ({ ...said("out of paper"), isError: true }),
        throw: () => {
          throw { code: -32_000, message: "no luck" };
        },
      },
    });
    const { body: users } = await must(server.admin("GET", "/api/v1/users/admin"));
    await must(server.admin("PUT", "/api/v1/users/admin", { ...users, limits: { mcpCallsPerMinute: 2 } }));
    const { choices } = await server.openai.chat.completions.create(ask);
    expect(choices[0]!.message).toMatchObject({
      content: "sorry",
      executed_tools: [
        { output: "out of paper", is_error: true },
        { output: "the call failed: no luck", is_error: true },
        { output: "the arguments are not a JSON object; the tool was not called", is_error: true },
        { output: "the arguments are not a JSON object; the tool was not called", is_error: true },
        {
          output: expect.stringMatching(
            /^the call failed: user "admin" has used 2 of its 2 MCP calls of a minute; there is room in \d+ s$/,
          ),
          is_error: true,
        },
      ],
    });
    expect(
      server.mcp
        .of("tools/call")
        .map(({ params }) => params.name)
        .sort(),
    ).toEqual(["fail", "throw"]);
    const results = server.provider.seen[1]!.body.messages.filter(
      ({ role }: { role: string }) => role === "tool",
    );
    expect(results[0]).toEqual({ role: "tool", tool_call_id: "call_0_0", content: "out of paper" });
  });

  it.each(Object.values(llmOf))(
    "of a name that nobody has are told to the model, if the caller has no tools ($type)",
    async (llm) => {
      const wrong = [{ calls: [{ name: "ad", args: { a: 1, b: 2 } }] }, { text: "sorry" }];
      const server = await withTools({ turns: [...wrong, ...wrong, ...wrong, ...wrong], llm });
      const output = 'the call failed: there is no tool "ad"';
      const { choices } = await server.openai.chat.completions.create(ask);
      expect(choices[0]!.message).toMatchObject({
        content: "sorry",
        executed_tools: [{ name: "ad", output, is_error: true }],
      });
      const { content } = await server.anthropic.messages.stream({ ...ask, max_tokens: 9 }).finalMessage();
      expect(content).toMatchObject([
        { type: "mcp_tool_use", name: "ad" },
        { type: "mcp_tool_result", is_error: true },
        { text: "sorry" },
      ]);
      const response = await server.openai.responses.stream({ model, input: "hi" }).finalResponse();
      expect(response.output).toMatchObject([
        { type: "mcp_call", name: "ad", status: "failed" },
        { type: "message" },
      ]);
      const own = { type: "function" as const, function: { name: "look", parameters: {} } };
      const other = await server.openai.chat.completions.create({ ...ask, tools: [own] });
      expect(other.choices[0]!.message.tool_calls).toMatchObject([{ function: { name: "ad" } }]);
      expect(server.mcp.of("tools/call")).toEqual([]);
    },
  );

  it("are at most 12 rounds, after which the model has to answer without (T217)", async () => {
    const endless = await withTools({
      turns: ({ body }) => (body.tool_choice === "none" ? { text: "enough" } : { calls: [add] }),
    });
    const { choices } = await endless.openai.chat.completions.create(ask);
    expect(choices[0]!.message).toMatchObject({ content: "enough" });
    expect([endless.provider.seen.length, endless.mcp.of("tools/call").length]).toEqual([13, 12]);
  });

  it("are at most 32 of one answer; the model is told of those that were not made (T217)", async () => {
    const calls = Array.from({ length: 40 }, (_, n) => ({ ...add, id: `call_${n}` }));
    const server = await withTools({ turns: [{ calls }, { text: "enough" }] });
    await server.openai.chat.completions.create(ask);
    expect(server.mcp.of("tools/call")).toHaveLength(32);
    const told = server.provider.seen[1]!.body.messages.filter(
      ({ role }: { role: string }) => role === "tool",
    );
    const refused = told.filter(({ content }: { content: string }) => content.includes("at most 32 tools"));
    expect([told.length, refused.length]).toEqual([40, 8]);
  });

  it("end with an error if the model goes on all the same", async () => {
    const server = await withTools({ turns: () => ({ calls: [add] }) });
    const why = "the model called tools in more than 12 rounds";
    await expect(server.openai.chat.completions.create(ask)).rejects.toThrow(why);
    await expect(server.openai.chat.completions.stream(ask).finalChatCompletion()).rejects.toThrow(why);
    expect(server.mcp.of("tools/call")).toHaveLength(24);
  });

  it("are not made of an answer that was cut off", async () => {
    for (const [dialect, llm] of Object.entries(llmOf)) {
      const cut = { calls: [{ name: "add", args: { a: 1, b: 2 } }], finish: "length" as const };
      const server = await withTools({ turns: [cut, cut], llm });
      for (const stream of [false, true]) {
        const { text } = await server.as(server.caller)("POST", "/v1/chat/completions", { ...ask, stream });
        expect([dialect, text]).toEqual([dialect, expect.stringContaining('"finish_reason":"length"')]);
        expect(text).not.toContain("tool");
      }
      expect(server.mcp.of("tools/call")).toEqual([]);
    }
  });

  it("are forced in the first round only", async () => {
    const server = await withTools({ turns: [{ calls: [add] }, { text: "3" }] });
    const tool_choice = { type: "function" as const, function: { name: "add" } };
    await server.openai.chat.completions.create({ ...ask, tool_choice });
    expect(server.provider.seen.map(({ body }) => body.tool_choice)).toEqual([tool_choice, "auto"]);
  });

  it("have results that the model's context can hold (T217)", async () => {
    const server = await withTools({
      turns: [{ calls: [{ name: "much" }, { name: "much" }] }, { text: "read" }],
      tools: { much: () => said("😀".repeat(200_000)) },
      llm: { capabilities: { contextTokens: 8000 } },
    });
    await server.openai.chat.completions.create(ask);
    const results = server.provider.seen[1]!.body.messages.filter(
      ({ role }: { role: string }) => role === "tool",
    );
    expect(results).toHaveLength(2);
    for (const { content } of results) {
      expect(content.length).toBeLessThan(7000);
      expect(content).toMatch(/^(😀)+\n\n\[cut off: these are the first \d+ of 400000 characters\]$/u);
    }
  });

  it("are those that the caller allows", async () => {
    const server = await withTools({ turns: [{ text: "hello" }, { text: "hello" }, { text: "hello" }] });
    const call = (allowed: string) =>
      server.as(server.caller)("POST", "/v1/chat/completions", ask, { "x-mcpctl-allow-tools": allowed });
    for (const allowed of ["ad*", "add, greet", ""]) await must(call(allowed));
    const names = server.provider.seen.map(({ body }) =>
      body.tools?.map((tool: { function: { name: string } }) => tool.function.name),
    );
    expect(names).toEqual([["add"], ["add", "greet"], undefined]);
  });

  it("leave the words of the caller as they are, with numbers that have many digits", async () => {
    const server = await withTools({ turns: [{ calls: [add] }, { text: "3" }] });
    const own = '{"role":"user",  "content":"hi","seed":12345678901234567890}';
    await must(
      server.as(server.caller)("POST", "/v1/chat/completions", `{"model":"${model}","messages":[${own}]}`),
    );
    for (const { text } of server.provider.seen) expect(text).toContain(own);
    expect(server.provider.seen).toHaveLength(2);
  });

  it("get ids of their own where the model numbers the calls of each answer from 0", async () => {
    const again = { calls: [{ ...add, id: "call_0" }] };
    const server = await withTools({ turns: [again, again, { text: "3" }] });
    await server.openai.chat.completions.create(ask);
    const { messages } = server.provider.seen[2]!.body;
    const results = messages.filter(({ role }: { role: string }) => role === "tool");
    const called = messages.flatMap((one: { tool_calls?: { id: string }[] }) => one.tool_calls ?? []);
    const ids = results.map((one: { tool_call_id: string }) => one.tool_call_id);
    expect(ids).toEqual(called.map(({ id }: { id: string }) => id));
    expect(new Set(ids).size).toBe(2);
  });
});

describe("a request that cannot have tools of a project", () => {
  it.each([
    ["/v1/chat/completions", { ...ask, n: 2 }, "an agent with tools gives one answer: n must be 1"],
    [
      "/v1/responses",
      { model, input: "hi", background: true },
      "an agent with tools does not answer in the background",
    ],
  ])("is refused: %s", async (path, request, message) => {
    const server = await withTools({});
    const { status, body } = await server.as(server.caller)("POST", path, request);
    expect([status, body.error.message]).toEqual([400, message]);
    expect(server.provider.seen).toEqual([]);
  });
});

describe("POST /v1/messages/count_tokens of a persona with tools", () => {
  it("counts the tools", async () => {
    const server = await withTools({ llm: llmOf.messages });
    await server.anthropic.messages.countTokens({ model, messages: [question] });
    expect(server.provider.seen[0]!.body.tools.map(({ name }: { name: string }) => name)).toEqual([
      "add",
      "greet",
    ]);
  });
});
