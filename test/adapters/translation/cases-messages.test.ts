import { describe, expect, it } from "vitest";
import { parseExact } from "../../../src/wire/exact-json.ts";
import {
  assembled,
  call,
  chunk,
  done,
  hello,
  input_schema,
  payloads,
  refusedAt,
  sent,
  streamed,
  translation,
  type Whatever,
  whole,
} from "./messages-calls.ts";

/** Translation cases by number: messages requests, translated to chat. */

describe("requests", () => {
  it("case 67: system blocks are a message, failed results say so, images in results follow as the user's", () => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } };
    const system = [
      { type: "text", text: "A", cache_control: { type: "ephemeral", ttl: "1h" } },
      { type: "text", text: "B" },
    ];
    const use = (id: string) => ({ type: "tool_use", id, name: "f", input: {} });
    const results = [
      { type: "tool_result", tool_use_id: "a", content: "gone", is_error: true },
      { type: "tool_result", tool_use_id: "b", content: [{ type: "text", text: "seen" }, image] },
      { type: "text", text: "so?" },
    ];
    const messages = [
      hello,
      { role: "assistant", content: [use("a"), use("b")] },
      { role: "user", content: results },
    ];
    expect(sent({ system, messages }).messages).toMatchObject([
      { role: "system", content: "A\n\nB" },
      hello,
      { role: "assistant", content: null, tool_calls: [{ id: "a" }, { id: "b" }] },
      { role: "tool", tool_call_id: "a", content: "Error: gone" },
      { role: "tool", tool_call_id: "b", content: "seen" },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
          { type: "text", text: "so?" },
        ],
      },
    ]);
  });

  it("case 5: messages of one role in a row are one, results before the rest", () => {
    const messages = [
      hello,
      { role: "user", content: "more" },
      { role: "assistant", content: "a" },
      { role: "assistant", content: [{ type: "tool_use", id: "t", name: "f", input: {} }] },
      { role: "user", content: "and" },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "r" }] },
    ];
    expect(sent({ messages }).messages).toMatchObject([
      { role: "user", content: "hello\n\nmore" },
      { role: "assistant", content: "a", tool_calls: [{ id: "t" }] },
      { role: "tool", tool_call_id: "t", content: "r" },
      { role: "user", content: "and" },
    ]);
    const bad = { type: "video" };
    expect(refusedAt({ messages: [hello, { role: "user", content: [bad] }] })).toBe(
      "/messages/1/content/0/type",
    );
  });

  it("cases 2, 3: nothing said is no message, and nothing but that is refused", () => {
    expect(sent({ messages: [hello, { role: "assistant", content: "" }] }).messages).toEqual([hello]);
    for (const content of ["", []])
      expect(refusedAt({ messages: [{ role: "user", content }] })).toBe("/messages");
    expect(refusedAt({ messages: [{ role: "system", content: "x" }] })).toBe("/messages");
  });

  it("case 72: the limit and sampling go as reasoning models of OpenAI take them", () => {
    const asked = { temperature: 0.2, top_p: 0.9, top_k: 3 };
    for (const model of ["gpt-5.4-mini", "o3", "openai/o4-mini"]) {
      expect(sent(asked, model)).toEqual({ model, messages: [hello], max_completion_tokens: 100 });
    }
    expect(sent(asked)).toEqual({ model: "qwen3", messages: [hello], max_tokens: 100, ...asked });
  });

  it("case 29: standard_only is default, auto is what is done unasked, and the answer tells its tier", () => {
    const tiers = ["auto", "standard_only", null].map((service_tier) => sent({ service_tier }).service_tier);
    expect(tiers).toEqual([undefined, "default", undefined]);
    expect(refusedAt({ service_tier: "fast" })).toBe("/service_tier");
    expect(whole({ content: "x" }, { service_tier: "default" }).usage.service_tier).toBe("standard");
    expect(whole({ content: "x" }, { service_tier: "flex" }).usage).not.toHaveProperty("service_tier");
    const outcome = streamed([chunk({ content: "x" }, "stop", { service_tier: "priority" }), done]);
    expect(assembled(outcome).usage.service_tier).toBe("priority");
  });

  it("case 42: names and ids that do not fit are changed on the way there and back, whole and streamed", () => {
    const long = `mcp__${"server".repeat(12)}__tool`;
    const long2 = `${long}2`;
    const request = { tools: [long, long2, "plain"].map((name) => ({ name, input_schema })) };
    const id = `toolu_${"x".repeat(60)}`;
    const messages = [
      hello,
      { role: "assistant", content: [{ type: "tool_use", id, name: long, input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "r" }] },
    ];
    const made = sent({ ...request, messages, tool_choice: { type: "tool", name: long } });
    const given = made.tools.map((tool: Whatever) => tool.function.name);
    for (const name of given) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(new Set(given).size).toBe(3);
    expect(made.tool_choice.function.name).toBe(given[0]);
    expect(made.messages[1].tool_calls[0].function.name).toBe(given[0]);
    expect(made.messages[1].tool_calls[0].id).toBe(id);
    const callIds = { longest: 40 };
    const openai = translation.request({ ...request, messages }, "m", { callIds }) as Whatever;
    expect(openai.messages[1].tool_calls[0].id).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
    expect(openai.messages[2].tool_call_id).toBe(openai.messages[1].tool_calls[0].id);
    expect(made.messages[2].tool_call_id).toBe(made.messages[1].tool_calls[0].id);
    const back = { id: "functions.f:0", type: "function", function: { name: given[1], arguments: "{}" } };
    const { content } = whole({ tool_calls: [back] }, { finish_reason: "tool_calls" }, request);
    expect(content).toMatchObject([{ name: long2, id: expect.stringMatching(/^[a-zA-Z0-9_-]+$/) }]);
    const outcome = streamed(
      [call(0, "{}", "functions.f:0", given[1]), chunk({}, "tool_calls"), done],
      request,
    );
    expect(assembled(outcome).content).toMatchObject([{ name: long2, id: content[0].id }]);
  });

  it("case 40: thinking of a chat provider goes back to it, and Anthropic's thinking is left out", () => {
    const given = whole({ content: "4", reasoning_content: "hm" }).content;
    const [, answer] = sent({ messages: [hello, { role: "assistant", content: given }] }).messages;
    expect(answer).toEqual({ role: "assistant", content: "4", reasoning_content: "hm" });
    const signed = [
      { type: "thinking", thinking: "secret", signature: "EqQB" },
      { type: "text", text: "4" },
    ];
    expect(JSON.stringify(sent({ messages: [hello, { role: "assistant", content: signed }] }))).not.toContain(
      "secret",
    );
  });

  it("case 11: integers beyond 2^53 keep their digits there and back", () => {
    const input = '{"id":9007199254740993}';
    const body = parseExact(
      `{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":${input}}]}]}`,
    ) as Record<string, unknown>;
    expect(sentArguments(body)).toBe(input);
    const calls = [{ id: "c", function: { name: "f", arguments: input } }];
    const answer = translation.response({ choices: [{ message: { tool_calls: calls } }] }, "mine");
    expect(JSON.stringify(answer)).toContain(`"input":${input}`);
    const asObject = `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":${input}}}]}}]}\n\n`;
    const pieces = payloads(streamed([asObject, chunk({}, "stop"), done])).map(
      ({ delta }) => delta?.partial_json ?? "",
    );
    expect(pieces.join("")).toBe(input);
  });

  function sentArguments(body: Record<string, unknown>): string {
    const { messages } = translation.request(body, "m", {}) as Whatever;
    return messages[1].tool_calls[0].function.arguments;
  }
});

describe("fields of newer messages requests", () => {
  it.each([
    [{ output_config: { effort: "low" } }, { reasoning_effort: "low" }],
    [
      { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "max" } },
      { reasoning_effort: "max" },
    ],
    [{ thinking: { type: "enabled", budget_tokens: 4_000 } }, { reasoning_effort: "medium" }],
    [{ thinking: { type: "disabled" } }, { reasoning_effort: "none" }],
    [{ thinking: { type: "adaptive" } }, {}],
    [{ thinking: { type: "between_tools" }, diagnostics: { previous_message_id: null } }, {}],
  ])("%j is %j", (body, expected) => {
    expect(sent(body, "gpt-5.6-sol")).toEqual({
      model: "gpt-5.6-sol",
      messages: [hello],
      max_completion_tokens: 100,
      ...expected,
    });
  });

  it("examples of a tool's input stand in its description", () => {
    const tool = {
      name: "f",
      description: "d",
      input_schema,
      input_examples: [{ a: 1 }],
      allowed_callers: ["direct"],
    };
    expect(sent({ tools: [tool] }).tools[0].function.description).toBe('d\n\nExamples of input:\n{"a":1}');
  });

  it.each([
    [{ output_config: { effort: "huge" } }, "/output_config/effort"],
    [{ thinking: { type: "deep" } }, "/thinking/type"],
    [{ speed: 2, colour: "red" }, "/colour"],
    [{ inference_geo: "us" }, "/inference_geo"],
    [{ container: "c" }, "/container"],
    [{ mcp_servers: [{ url: "https://x.test" }] }, "/mcp_servers"],
    [{ tool_choice: { type: "any" } }, "/tool_choice"],
    [
      { tools: [{ name: "f", input_schema, allowed_callers: ["code_execution_20260120"] }] },
      "/tools/0/allowed_callers",
    ],
    [{ messages: [{ ...hello, colour: 1 }] }, "/messages/0/colour"],
    [
      { messages: [{ role: "user", content: [{ type: "text", text: "x", colour: 1 }] }] },
      "/messages/0/content/0/colour",
    ],
    [{ messages: [{ role: "user", content: [{ type: "search_result" }] }] }, "/messages/0/content/0/content"],
  ])("%j is refused by name", (body, path) => {
    expect(refusedAt(body)).toBe(path);
  });
});
