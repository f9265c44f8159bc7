import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quirksOf } from "../../../../src/adapters/quirks/index.ts";
import { translationFor } from "../../../../src/adapters/translation/index.ts";
import { AppError } from "../../../../src/errors.ts";
import { recordedJson } from "../streams.ts";

type Fields = Record<string, unknown>;

const toChat = translationFor("responses", "chat", () => 0)!;
const toMessages = translationFor("responses", "messages", () => 0)!;
const ask = { model: "mine", input: "hello" };
const quirks = (type: string, model: string) => quirksOf({ type, model });
const chat = (body: Fields) => toChat.request({ ...ask, ...body }, "theirs", {});
const image = "data:image/png;base64,iVBORw0KGgo=";

/** What a refusal says. */
function refusal(make: () => unknown): { path: string; message: string } {
  try {
    make();
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid_request" && error.details?.[0])
      return error.details[0];
    throw error;
  }
  throw new Error("was not refused");
}

describe("a responses request as chat", () => {
  it("maps what has a counterpart, and passes what has the same name", () => {
    expect(
      chat({
        instructions: "Be brief.",
        max_output_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        reasoning: { effort: "low", summary: "auto" },
        text: {
          verbosity: "low",
          format: { type: "json_schema", name: "a", schema: { type: "object" }, strict: true },
        },
        user: "u",
        safety_identifier: "s",
        prompt_cache_key: "k",
        service_tier: "flex",
        stream: true,
        stream_options: { include_obfuscation: false },
        include: ["reasoning.encrypted_content"],
        truncation: "disabled",
        metadata: { a: "1" },
        top_logprobs: 0,
        background: false,
        store: false,
        previous_response_id: null,
      }),
    ).toEqual({
      model: "theirs",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hello" },
      ],
      max_tokens: 100,
      temperature: 0.5,
      top_p: 0.9,
      reasoning_effort: "low",
      verbosity: "low",
      response_format: {
        type: "json_schema",
        json_schema: { name: "a", schema: { type: "object" }, strict: true },
      },
      user: "u",
      safety_identifier: "s",
      prompt_cache_key: "k",
      service_tier: "flex",
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it("gives reasoning models of OpenAI the limit under its newer name (case 72)", () => {
    expect(
      toChat.request({ ...ask, max_output_tokens: 9 }, "gpt-5.4", quirks("openai", "gpt-5.4")),
    ).toMatchObject({
      max_completion_tokens: 9,
    });
  });

  it("maps functions, their choice, and a custom tool with its grammar", () => {
    const request = chat({
      tools: [
        { type: "function", name: "f", description: "d", parameters: { type: "object" }, strict: true },
        {
          type: "custom",
          name: "c",
          description: "Edits.",
          format: { type: "grammar", syntax: "lark", definition: "start: x" },
        },
      ],
      tool_choice: { type: "custom", name: "c" },
      parallel_tool_calls: false,
    });
    expect(request).toMatchObject({
      tools: [
        {
          type: "function",
          function: { name: "f", description: "d", parameters: { type: "object" }, strict: true },
        },
        {
          type: "function",
          function: {
            name: "c",
            description: "Edits.\n\nThe input must match this lark grammar:\nstart: x",
            parameters: { type: "object", required: ["input"] },
          },
        },
      ],
      tool_choice: { type: "function", function: { name: "c" } },
      parallel_tool_calls: false,
    });
  });

  it("sends only the tools that are allowed", () => {
    const tools = ["a", "b"].map((name) => ({ type: "function", name, parameters: {}, strict: false }));
    const choice = { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "b" }] };
    const request = chat({ tools, tool_choice: choice });
    expect(request).toMatchObject({ tools: [{ function: { name: "b" } }], tool_choice: "required" });
    expect(request.tools).toHaveLength(1);
  });

  it("keeps images, files and sound, and puts those of results behind them", () => {
    const file = { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBE" };
    const { messages } = chat({
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "see" },
            { type: "input_image", image_url: image, detail: "low" },
            { type: "input_file", ...file },
          ],
        },
        { type: "function_call", call_id: "1", name: "look", arguments: "{}" },
        { type: "function_call", call_id: "2", name: "look", arguments: "{}" },
        {
          type: "function_call_output",
          call_id: "2",
          output: [
            { type: "input_text", text: "here" },
            { type: "input_image", image_url: image, detail: "auto" },
          ],
        },
        { type: "function_call_output", call_id: "1", output: "none" },
      ],
    });
    expect(messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "see" },
          { type: "image_url", image_url: { url: image, detail: "low" } },
          { type: "file", file },
        ],
      },
      {
        role: "assistant",
        content: null,
        tool_calls: ["1", "2"].map((id) => ({
          id,
          type: "function",
          function: { name: "look", arguments: "{}" },
        })),
      },
      { role: "tool", tool_call_id: "2", content: "here" },
      { role: "tool", tool_call_id: "1", content: "none" },
      { role: "user", content: [{ type: "image_url", image_url: { url: image, detail: "auto" } }] },
    ]);
  });

  it("puts a result behind its call, whatever the user said in between", () => {
    const { messages } = chat({
      input: [
        { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
        { role: "user", content: "hurry" },
        { type: "function_call_output", call_id: "1", output: "ok" },
      ],
    });
    expect((messages as Fields[]).map(({ role }) => role)).toEqual(["assistant", "tool", "user"]);
  });

  it("gives each result to the latest call of its id: some providers count anew in every answer", () => {
    const called = (n: number) => [
      { type: "function_call", call_id: "call_0", name: "f", arguments: `{"n":${n}}` },
      { type: "function_call_output", call_id: "call_0", output: `r${n}` },
    ];
    const { messages } = chat({ input: [...called(1), ...called(2)] });
    expect((messages as Fields[]).map(({ role, content }) => [role, content])).toEqual([
      ["assistant", null],
      ["tool", "r1"],
      ["assistant", null],
      ["tool", "r2"],
    ]);
  });

  it("makes one system message of all that stands before the first turn", () => {
    const { messages } = chat({
      instructions: "a",
      input: [
        { role: "developer", content: "b" },
        { role: "system", content: [{ type: "input_text", text: "c" }] },
        { role: "user", content: "hello" },
        { role: "developer", content: "d" },
      ],
    });
    expect(messages).toEqual([
      { role: "system", content: "a\n\nb\n\nc" },
      { role: "user", content: "hello" },
      { role: "system", content: "d" },
    ]);
  });

  it.each([
    ["made by another", { encrypted_content: "gAAAAABpForeign==" }],
    ["without its content", {}],
    ["that was meddled with", { encrypted_content: "mcpctl.1.!!!" }],
  ])("leaves reasoning behind, %s", (_name, rest) => {
    const reasoning = {
      type: "reasoning",
      id: "rs_1",
      summary: [{ type: "summary_text", text: "hm" }],
      ...rest,
    };
    const body = {
      ...ask,
      input: [{ role: "user", content: "q" }, reasoning, { role: "assistant", content: "a" }],
    };
    for (const way of [toChat, toMessages]) {
      const sent = JSON.stringify(way.request(body, "theirs", {}));
      expect(sent).not.toMatch(/hm|rs_1|gAAAA|thinking/);
      expect(sent).toContain('"assistant"');
    }
  });
});

describe("Codex's request", () => {
  const codex = recordedJson("openai/responses-codex.json") as Fields;

  it("goes to a chat provider with all that it says", () => {
    const request = toChat.request(codex, "qwen3", {});
    expect((request.messages as Fields[]).map(({ role }) => role)).toEqual([
      ...["system", "user", "user", "assistant", "tool", "assistant", "tool"],
    ]);
    expect(request).toMatchObject({
      parallel_tool_calls: false,
      reasoning_effort: "medium",
      prompt_cache_key: codex.prompt_cache_key,
      stream: true,
      tools: [
        { function: { name: "shell" } },
        { function: { name: "update_plan" } },
        { function: { name: "apply_patch" } },
      ],
    });
    const patched = (request.messages as { tool_calls?: { function: { arguments: string } }[] }[])[5];
    const { input } = JSON.parse(patched!.tool_calls![0]!.function.arguments) as { input: string };
    expect(input).toContain("+fn bar() {}");
    expect(JSON.stringify(request)).not.toContain("codex-installation-id");
  });

  it("goes to Anthropic, its turns alternating", () => {
    const request = toMessages.request(codex, "claude-sonnet-5", quirks("anthropic", "claude-sonnet-5"));
    const turns = request.messages as { role: string; content: Fields[] }[];
    expect(turns.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant", "user"]);
    expect(turns[1]?.content.map(({ type }) => type)).toEqual(["text", "tool_use"]);
    expect(request.system).toContain("You are Codex");
    expect(request.tool_choice).toEqual({ type: "auto", disable_parallel_tool_use: true });
  });
});

describe("what is refused, by name", () => {
  it.each([
    ["store", true, "store: true"],
    ["background", true, "background: true"],
    ["previous_response_id", "resp_1", "previous_response_id"],
    ["conversation", "conv_1", "conversation"],
    ["prompt", { id: "pmpt_1" }, "prompt"],
    ["truncation", "auto", "truncation"],
    ["top_logprobs", 2, "top_logprobs"],
    ["moderation", { model: "x" }, "moderation"],
    ["context_management", [{ type: "compaction" }], "context_management"],
    ["something_new", 1, "something_new"],
  ])("%s: %j", (name, value, words) => {
    for (const way of [toChat, toMessages]) {
      const { path, message } = refusal(() => way.request({ ...ask, [name]: value }, "theirs", {}));
      expect(path).toBe(`/${name}`);
      expect(message).toContain(words);
    }
  });

  it.each([
    ...["file_search", "computer_use_preview", "code_interpreter"],
    ...["image_generation", "mcp", "local_shell", "shell", "apply_patch", "tool_search"],
  ])("the tool %s", (type) => {
    const { path, message } = refusal(() => chat({ tools: [{ type }] }));
    expect(path).toBe("/tools/0/type");
    expect(message).toContain(`the tool ${type} runs at OpenAI only`);
  });

  const call = { type: "function_call", call_id: "1", name: "f", arguments: "{}" };
  it.each<[string, Fields, string]>([
    ["no input", { input: [] }, "/input"],
    ["an item_reference", { input: [{ type: "item_reference", id: "msg_1" }] }, "/input/0"],
    ["another item", { input: [{ type: "web_search_call", id: "ws_1" }] }, "/input/0/type"],
    ["another role", { input: [{ role: "critic", content: "x" }] }, "/input/0/role"],
    ["a field of an item", { input: [{ role: "user", content: "x", foo: 1 }] }, "/input/0/foo"],
    ["a field of a call", { input: [{ ...call, foo: "n" }] }, "/input/0/foo"],
    [
      "a field of a part",
      { input: [{ role: "user", content: [{ type: "input_text", text: "x", foo: 1 }] }] },
      "/input/0/content/0/foo",
    ],
    [
      "another part",
      { input: [{ role: "user", content: [{ type: "input_video" }] }] },
      "/input/0/content/0/type",
    ],
    [
      "a file's id",
      { input: [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }] },
      "/input/0/content/0/file_id",
    ],
    [
      "a file's address",
      { input: [{ role: "user", content: [{ type: "input_file", file_url: "https://x" }] }] },
      "/input/0/content/0/file_url",
    ],
    [
      "a result without its call",
      { input: [{ type: "function_call_output", call_id: "9", output: "x" }] },
      "/input/0/call_id",
    ],
    ["two calls of one id", { input: [call, call] }, "/input/1/call_id"],
    [
      "an image in a system message",
      { input: [{ role: "system", content: [{ type: "input_image", image_url: image }] }] },
      "/input/0/content/0/type",
    ],
    ["another include", { include: ["message.output_text.logprobs"] }, "/include/0"],
    ["padding", { stream_options: { include_obfuscation: true } }, "/stream_options/include_obfuscation"],
    ["a field of text", { text: { foo: 1 } }, "/text/foo"],
    ["another format", { text: { format: { type: "grammar" } } }, "/text/format/type"],
    ["a field of reasoning", { reasoning: { mode: "pro" } }, "/reasoning/mode"],
    [
      "a field of a tool",
      { tools: [{ type: "function", name: "f", output_schema: {} }] },
      "/tools/0/output_schema",
    ],
    [
      "a tool twice",
      {
        tools: [
          { type: "function", name: "f" },
          { type: "custom", name: "f" },
        ],
      },
      "/tools/1/name",
    ],
    ["a choice without tools", { tool_choice: "required" }, "/tool_choice"],
    [
      "another choice",
      { tools: [{ type: "function", name: "f" }], tool_choice: { type: "mcp" } },
      "/tool_choice/type",
    ],
    [
      "an allowed tool that is not there",
      {
        tools: [{ type: "function", name: "f" }],
        tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "g" }] },
      },
      "/tool_choice/tools",
    ],
  ])("%s", (_name, body, path) => {
    expect(refusal(() => chat(body)).path).toBe(path);
  });

  it.each<[string, Fields, string, string]>([
    ["verbosity", { text: { verbosity: "high" } }, "/text/verbosity", "text.verbosity has no counterpart"],
    [
      "an effort nobody knows",
      { reasoning: { effort: "huge" } },
      "/reasoning/effort",
      "reasoning.effort huge is not",
    ],
    [
      "sound",
      {
        input: [
          { role: "user", content: "a" },
          { role: "user", content: [{ type: "input_audio", input_audio: {} }] },
        ],
      },
      "/input/1",
      "input_audio",
    ],
  ])("what only Anthropic cannot do, in the caller's own words: %s", (_name, body, path, words) => {
    const fault = refusal(() =>
      toMessages.request({ ...ask, ...body }, "claude-sonnet-5", quirks("anthropic", "claude-sonnet-5")),
    );
    expect(fault.path).toBe(path);
    expect(fault.message).toContain(words);
  });

  it("any field that nobody knows, wherever it stands", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^x_[a-z]{1,12}$/),
        fc.constantFrom("", "input", "text", "reasoning", "tools"),
        (name, where) => {
          const odd = { [name]: 1 };
          const body: Fields =
            where === ""
              ? odd
              : where === "input"
                ? { input: [{ role: "user", content: "x", ...odd }] }
                : where === "tools"
                  ? { tools: [{ type: "function", name: "f", ...odd }] }
                  : { [where]: odd };
          const { path, message } = refusal(() => chat(body));
          expect(path.split("/").at(-1)).toBe(name);
          expect(message).toContain(name);
        },
      ),
    );
  });
});

/** A turn of a random conversation, as items. */
const texts = fc.string({ minLength: 1, maxLength: 12 });
const turn = fc.oneof(
  fc.record({ kind: fc.constant("user" as const), text: texts }),
  fc.record({
    kind: fc.constant("assistant" as const),
    text: fc.option(texts),
    calls: fc.array(
      fc.record({
        name: fc.stringMatching(/^[a-z]{1,5}$/),
        isCustom: fc.boolean(),
        text: texts,
        result: texts,
      }),
      { maxLength: 3 },
    ),
  }),
);

it("keeps the texts, calls, ids and order of any conversation", () => {
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 8 }), (turns) => {
      const input: Fields[] = [];
      const expected: unknown[] = [];
      let calls = 0;
      for (const one of turns) {
        if (one.kind === "user") {
          input.push({ role: "user", content: [{ type: "input_text", text: one.text }] });
          expected.push(["user", one.text]);
          continue;
        }
        if (one.text !== null) {
          input.push({
            type: "message",
            role: "assistant",
            content: [{ type: "output_text", text: one.text, annotations: [] }],
          });
          expected.push(["assistant", one.text]);
        }
        const ids = one.calls.map(() => `call_${calls++}`);
        one.calls.forEach(({ name, isCustom, text }, index) => {
          const call = { call_id: ids[index], name };
          input.push(
            isCustom
              ? { type: "custom_tool_call", ...call, input: text }
              : { type: "function_call", ...call, arguments: JSON.stringify({ text }) },
          );
          expected.push(["call", ids[index], name, isCustom ? { input: text } : { text }]);
        });
        one.calls.forEach(({ isCustom, result }, index) => {
          input.push({
            type: isCustom ? "custom_tool_call_output" : "function_call_output",
            call_id: ids[index],
            output: result,
          });
          expected.push(["result", ids[index], result]);
        });
      }
      fc.pre(input.length > 0);
      const { messages } = chat({ input });
      const found = (
        messages as {
          role: string;
          content: unknown;
          tool_call_id?: string;
          tool_calls?: { id: string; function: { name: string; arguments: string } }[];
        }[]
      ).flatMap(({ role, content, tool_call_id, tool_calls = [] }) => [
        ...(role === "tool"
          ? [["result", tool_call_id, content]]
          : content === null
            ? []
            : [[role, content]]),
        ...tool_calls.map((call) => [
          "call",
          call.id,
          call.function.name,
          JSON.parse(call.function.arguments),
        ]),
      ]);
      expect(found).toEqual(expected);
    }),
  );
});
