import { describe, expect, it } from "vitest";
import { passthroughs } from "../../../src/adapters/passthrough/index.ts";
import { quirksOf } from "../../../src/adapters/quirks/index.ts";
import { carryState } from "../../../src/adapters/translation/carried-state.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
type Whatever = any;

const hello = { role: "user", content: "hello" };
const next = { role: "user", content: "and now?" };
const toolsOfMessages = [{ name: "f", input_schema: { type: "object" } }];

const messagesAt = (messages: object[], quirks = {}): Whatever =>
  (
    translationFor("messages", "chat")!.request(
      { model: "m", messages, tools: toolsOfMessages },
      "m",
      quirks,
    ) as Whatever
  ).messages;
const responsesAt = (input: object[], more: object = {}, quirks = {}): Whatever =>
  translationFor("responses", "chat")!.request({ model: "m", input, ...more }, "m", quirks);
const chatAt = (messages: object[]): Whatever =>
  (translationFor("chat", "messages")!.request({ messages }, "claude-sonnet-4-6", {}) as Whatever).messages;

describe("a history of messages at a chat provider (case 95)", () => {
  const search = {
    type: "server_tool_use",
    id: "srvtoolu_1",
    name: "web_search",
    input: { query: "weather" },
  };
  const found = {
    type: "web_search_tool_result",
    tool_use_id: "srvtoolu_1",
    content: [
      { type: "web_search_result", title: "Rain", url: "https://x.test", encrypted_content: "SEALED" },
    ],
  };

  it("has tools that ran at Anthropic in words, without what is sealed", () => {
    const sent = messagesAt([
      hello,
      { role: "assistant", content: [search, found, { type: "text", text: "Rain." }] },
      next,
    ]);
    expect(sent[1].content).toContain('web_search was called with {"query":"weather"}');
    expect(sent[1].content).toContain("https://x.test");
    expect(sent[1].content).toContain("Rain.");
    expect(JSON.stringify(sent)).not.toMatch(/SEALED|srvtoolu/);
  });

  it.each<[string, object, string]>([
    ["thinking of Claude", { type: "thinking", thinking: "by Claude", signature: "EqQB" }, "by Claude"],
    ["redacted thinking", { type: "redacted_thinking", data: "SEALED" }, "SEALED"],
    ["a type of tomorrow", { type: "hologram", data: "SEALED" }, "SEALED"],
  ])("leaves out %s", (_name, block, secret) => {
    const sent = messagesAt([
      hello,
      { role: "assistant", content: [block, { type: "text", text: "y" }] },
      next,
    ]);
    expect(sent[1]).toEqual({ role: "assistant", content: "y" });
    expect(JSON.stringify(sent)).not.toContain(secret);
  });

  it.each<[string, object, string]>([
    [
      "a reference to a tool",
      { type: "tool_reference", tool_name: "Stop" },
      "The tool Stop can be called now.",
    ],
    [
      "a result of a search",
      { type: "search_result", title: "T", source: "s", content: [{ type: "text", text: "w" }] },
      "T\ns\nw",
    ],
    ["a type of tomorrow", { type: "hologram" }, "hologram"],
  ])("has %s in the result of a tool in words, also in the newest one", (_name, block, words) => {
    const use = { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: {} }] };
    const result = { type: "tool_result", tool_use_id: "t", content: [block] };
    expect(messagesAt([hello, use, { role: "user", content: [result] }])[2].content).toContain(words);
  });

  it("keeps fields that clients copied into an answer from wedging it", () => {
    const answer = {
      role: "assistant",
      id: "msg_1",
      stop_reason: "end_turn",
      content: [{ type: "text", text: "y", parsed: 1 }],
    };
    expect(messagesAt([hello, answer, next])[1]).toEqual({ role: "assistant", content: "y" });
  });

  it("has a file of an earlier turn in words, and refuses the same in the newest one", () => {
    const file = { role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] };
    expect(messagesAt([file, { role: "assistant", content: "y" }, next])[0].content).toContain("cannot read");
    expect(() => messagesAt([hello, { role: "assistant", content: "y" }, file])).toThrow("file");
  });
});

describe("a history of responses at a chat provider (case 95)", () => {
  const said = { type: "message", role: "assistant", content: [{ type: "output_text", text: "y" }] };

  it.each([
    { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "q" } },
    { type: "image_generation_call", id: "ig_1", result: null },
    { type: "mcp_list_tools", id: "l", tools: [] },
    { type: "mcp_approval_request", id: "a" },
    { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA" },
    { type: "additional_tools", role: "developer", tools: [] },
    { type: "hologram", id: "h" },
  ])("leaves out %j", (item) => {
    const { messages } = responsesAt([hello, item, said, next]);
    expect(messages.map(({ role, content }: Whatever) => [role, content])).toEqual([
      ["user", "hello"],
      ["assistant", "y"],
      ["user", "and now?"],
    ]);
  });

  it("has calls of other types as calls, with their results", () => {
    const { messages } = responsesAt([
      hello,
      {
        type: "local_shell_call",
        id: "x",
        call_id: "c1",
        status: "completed",
        action: { type: "exec", command: ["ls"] },
      },
      // Its reference has the id of the call here.
      { type: "local_shell_call_output", id: "c1", output: "a.txt" },
      {
        type: "mcp_call",
        id: "mcp_1",
        name: "look",
        arguments: '{"a":1}',
        output: "seen",
        server_label: "s",
      },
      { type: "shell_call", call_id: "unanswered", action: {} },
      next,
    ]);
    expect(messages.slice(1, -1)).toMatchObject([
      { role: "assistant", tool_calls: [{ id: "c1", function: { name: "local_shell" } }] },
      { role: "tool", tool_call_id: "c1", content: "a.txt" },
      { role: "assistant", tool_calls: [{ id: "mcp_1", function: { name: "look", arguments: '{"a":1}' } }] },
      { role: "tool", tool_call_id: "mcp_1", content: "seen" },
    ]);
    expect(JSON.stringify(messages)).not.toContain("unanswered");
  });

  it("says that a compaction cannot be read, and refuses to make one", () => {
    const { messages } = responsesAt([{ type: "compaction", encrypted_content: "gAAA" }, hello]);
    expect(messages[0].content).toContain("compacted by another provider");
    expect(JSON.stringify(messages)).not.toContain("gAAA");
    expect(() => responsesAt([hello, { type: "compaction_trigger" }])).toThrow("compaction_trigger");
  });

  it("has a result in words whose call is no longer there, and refuses the same in the newest turn", () => {
    const orphan = { type: "function_call_output", call_id: "gone", output: { a: 1 } };
    const { messages } = responsesAt([hello, orphan, said, next]);
    expect(messages[1]).toEqual({ role: "user", content: '[Result of an earlier call: {"a":1}]' });
    expect(() => responsesAt([hello, said, orphan])).toThrow("gone");
  });

  it("has results that are objects as JSON, and no marks of the prompt cache", () => {
    const part = { type: "input_text", text: "x", prompt_cache_breakpoint: {} };
    const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
    const { messages } = responsesAt([
      { role: "user", content: [part] },
      call,
      { type: "function_call_output", call_id: "c", output: { a: 1 } },
    ]);
    expect(messages[0]).toEqual({ role: "user", content: "x" });
    expect(messages[2].content).toBe('{"a":1}');
  });

  it("has tools that an item adds", () => {
    const added = {
      type: "additional_tools",
      role: "developer",
      tools: [{ type: "function", name: "late", parameters: {} }],
    };
    expect(responsesAt([hello, added], { tools: [{ type: "function", name: "f" }] }).tools).toMatchObject([
      { function: { name: "f" } },
      { function: { name: "late" } },
    ]);
  });

  it("keeps fields that clients copied into parts of an answer from wedging it", () => {
    const part = {
      type: "output_text",
      text: "y",
      annotations: [],
      role: "assistant",
      refusal: null,
      tool_calls: [],
    };
    const answer = { role: "assistant", content: [part], tool_calls: [], providerData: {} };
    const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}", providerData: {} };
    const result = { type: "function_call_output", call_id: "c", output: "ok", providerData: {} };
    const { messages } = responsesAt([hello, answer, call, result]);
    expect(messages[1]).toMatchObject({ content: "y", tool_calls: [{ id: "c" }] });
  });
});

describe("a history of chat at Anthropic (case 95)", () => {
  it("gives calls of one id in several answers ids of their own, always the same", () => {
    const turn = [
      { role: "assistant", tool_calls: [{ id: "call_0", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: "call_0", content: "ok" },
    ];
    const sent = chatAt([hello, ...turn, ...turn, ...turn]);
    const uses = sent
      .flatMap(({ content }: Whatever) => content)
      .filter(({ type }: Whatever) => type === "tool_use");
    const results = sent
      .flatMap(({ content }: Whatever) => content)
      .filter(({ type }: Whatever) => type === "tool_result");
    expect(uses.map(({ id }: Whatever) => id)).toEqual(["call_0", "call_0_2", "call_0_3"]);
    expect(results.map(({ tool_use_id }: Whatever) => tool_use_id)).toEqual([
      "call_0",
      "call_0_2",
      "call_0_3",
    ]);
  });

  it("has older calls of functions, and calls of custom tools", () => {
    const sent = chatAt([
      hello,
      { role: "assistant", content: null, function_call: { name: "f", arguments: '{"a":1}' } },
      { role: "function", name: "f", content: "ok" },
      { role: "assistant", tool_calls: [{ id: "c", type: "custom", custom: { name: "patch", input: "x" } }] },
      { role: "tool", tool_call_id: "c", content: "done" },
    ]);
    expect(sent.slice(1)).toMatchObject([
      { content: [{ type: "tool_use", id: "f", name: "f", input: { a: 1 } }] },
      { content: [{ type: "tool_result", tool_use_id: "f" }] },
      { content: [{ type: "tool_use", id: "c", name: "patch", input: { input: "x" } }] },
      { content: [{ type: "tool_result", tool_use_id: "c" }] },
    ]);
  });

  it("has messages with ids, and results with fields that a framework added", () => {
    const use = { role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: "{}" } }] };
    const result = { role: "tool", tool_call_id: "c", content: "ok", artifact: {}, status: "success" };
    expect(chatAt([{ ...hello, id: "1" }, use, result])[2].content).toMatchObject([{ type: "tool_result" }]);
    expect(messagesAt([{ ...hello, id: "1" }])).toEqual([hello]);
    expect(() => chatAt([{ ...hello, colour: 1 }])).toThrow("colour");
  });

  it("leaves out sound of an answer and fields in its parts; a sound of an earlier turn is words, of the newest refused", () => {
    const sound = { role: "user", content: [{ type: "input_audio", input_audio: {} }] };
    const answer = {
      role: "assistant",
      audio: { id: "a" },
      content: [{ type: "text", text: "y", annotations: [] }],
    };
    const sent = chatAt([sound, answer, next]);
    expect(sent[0].content[0].text).toContain("input_audio");
    expect(sent[1].content).toEqual([{ type: "text", text: "y" }]);
    expect(() => chatAt([hello, answer, sound])).toThrow("input_audio");
  });
});

describe("what a provider insists on in a history (case 94)", () => {
  const chat = (model: string, type = "openai", host = "x.test") => quirksOf({ type, host, model });
  const call = { id: "toolu_1", type: "function", function: { name: "f", arguments: "{}" } };
  const result = { role: "tool", tool_call_id: "toolu_1", content: "ok" };
  const history = [hello, { role: "assistant", content: null, tool_calls: [call] }, result];
  const prepared = (messages: object[], model: string): Whatever =>
    passthroughs.chat.prepare({ messages }, chat(model)).changes["messages"];

  it.each(["deepseek-v4-pro", "kimi-k2.6", "moonshotai/Kimi-K2-Thinking", "kimi-k3"])(
    "%s gets reasoning",
    (model) => {
      const use = { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "f", input: {} }] };
      const answered = {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "ok" }],
      };
      expect(messagesAt([hello, use, answered], chat(model))[1].reasoning_content).toBe(" ");
      expect(prepared(history, model)[1].reasoning_content).toBe(" ");
      const own = { ...history[1], reasoning_content: "mine" };
      expect(prepared([hello, own, result], model)).toBeUndefined();
    },
  );

  it("gemini-3.5-flash gets a signature on the first call of a turn, and keeps its own", () => {
    const second = { ...call, id: "toolu_2" };
    const [, turn] = prepared(
      [hello, { role: "assistant", tool_calls: [call, second] }, result],
      "gemini-3.5-flash",
    );
    expect(turn.tool_calls[0].extra_content.google.thought_signature).toBe(
      "skip_thought_signature_validator",
    );
    expect(turn.tool_calls[1]).toEqual(second);
    const signed = { ...call, extra_content: { google: { thought_signature: "S" } } };
    expect(
      prepared([hello, { role: "assistant", tool_calls: [signed, second] }], "gemini-3.5-flash"),
    ).toBeUndefined();
  });

  it.each([
    ["api.mistral.ai", /^[a-zA-Z0-9]{9}$/],
    ["api.openai.com", /^[a-zA-Z0-9_-]{1,40}$/],
  ])("%s gets ids of calls in its form, the same for the result", (host, form) => {
    const id = `functions.${"x".repeat(50)}:0`;
    const quirks = quirksOf({ type: "openai", host, model: "m" });
    const messages = [
      hello,
      { role: "assistant", tool_calls: [{ ...call, id }] },
      { ...result, tool_call_id: id },
    ];
    const sent = passthroughs.chat.prepare({ messages }, quirks).changes["messages"] as Whatever;
    expect(sent[1].tool_calls[0].id).toMatch(form);
    expect(sent[2].tool_call_id).toBe(sent[1].tool_calls[0].id);
  });

  it.each(["gpt-4o", "qwen3", "deepseek-chat", "kimi-k2-instruct"])(
    "%s gets nothing that it did not ask for",
    (model) => {
      expect(prepared(history, model)).toBeUndefined();
    },
  );
});

describe("a history that another provider began, passed through", () => {
  it("reaches Anthropic without thinking that this program signed, and with its own (case 95)", () => {
    const ours = { type: "thinking", thinking: "t", signature: carryState({ model: "m" }) };
    const theirs = { type: "thinking", thinking: "t", signature: "EqQB" };
    const text = { type: "text", text: "y" };
    const messages = [
      hello,
      { role: "assistant", content: [ours, text] },
      { role: "assistant", content: [ours] },
      { role: "assistant", content: [theirs, text] },
    ];
    expect(passthroughs.messages.prepare({ messages }, {}).changes).toEqual({
      messages: [
        hello,
        { role: "assistant", content: [text] },
        { role: "assistant", content: [theirs, text] },
      ],
    });
    expect(passthroughs.messages.prepare({ messages: [hello, messages[3]] }, {}).changes).toEqual({});
  });

  it("reaches OpenAI without reasoning that only its store has, and without ids that lead there (case 95)", () => {
    const stored = { type: "reasoning", id: "rs_1", summary: [] };
    const sealed = { type: "reasoning", id: "rs_2", summary: [], encrypted_content: "gAAA" };
    const open = {
      type: "reasoning",
      id: "rs_3",
      summary: [],
      content: [{ type: "reasoning_text", text: "t" }],
    };
    const call = { type: "function_call", id: "fc_1", call_id: "c", name: "f", arguments: "{}" };
    const input = [hello, stored, sealed, open, call];
    const { id: _, ...bare } = call;
    const sent = passthroughs.responses.prepare({ store: false, input }, {}).changes["input"] as Whatever[];
    expect(sent.map(({ type }) => type)).toEqual([undefined, "reasoning", "reasoning", "function_call"]);
    expect(sent.at(-1)).toEqual(bare);
    expect(sent[1]).toEqual(sealed);
    expect(
      passthroughs.responses.prepare({ store: false, input: [hello, sealed, open, call] }, {}).changes,
    ).toEqual({});
  });

  it("reaches OpenAI with sealed reasoning asked for, where the server forbids to store (case 92)", () => {
    const quirks = quirksOf({ type: "openai", host: "api.openai.com", model: "gpt-5.4" });
    const changes = (body: object) => passthroughs.responses.prepare({ input: "x", ...body }, quirks).changes;
    expect(changes({})).toEqual({ store: false, include: ["reasoning.encrypted_content"] });
    expect(changes({ include: ["message.output_text.logprobs"] })["include"]).toEqual([
      "message.output_text.logprobs",
      "reasoning.encrypted_content",
    ]);
    expect(changes({ store: false })).toEqual({});
    const plain = quirksOf({ type: "openai", host: "api.openai.com", model: "gpt-4o" });
    expect(passthroughs.responses.prepare({ input: "x" }, plain).changes).toEqual({ store: false });
  });
});
