import { describe, expect, it } from "vitest";
import {
  adaptive,
  budgeted,
  call,
  hello,
  latest,
  old,
  part,
  refusedAt,
  sent,
  text,
  tool,
  turns,
} from "./chat-requests.ts";

/** Translation cases by number: tools, form and thinking of chat requests, translated for Anthropic. */

describe("tools", () => {
  it("case 30: a schema is kept whole, and a tool without one takes nothing", () => {
    const parameters = {
      type: "object",
      properties: { a: { $ref: "#/$defs/A" } },
      additionalProperties: false,
      $defs: { A: { type: "string" } },
    };
    expect(sent({ tools: [tool("f", { parameters, strict: true }), tool("g")] }).tools).toEqual([
      { name: "f", input_schema: parameters, strict: true },
      { name: "g", input_schema: { type: "object", properties: {} } },
    ]);
  });

  it("case 31: every choice has its counterpart, and none keeps the tools", () => {
    const named = { type: "function", function: { name: "f" } };
    const made = ["auto", "required", "none", named].map((tool_choice) =>
      sent({ tools: [tool()], tool_choice }),
    );
    expect(made.map((request) => request.tool_choice)).toEqual([
      { type: "auto" },
      { type: "any" },
      { type: "none" },
      { type: "tool", name: "f" },
    ]);
    for (const request of made) expect(request.tools).toHaveLength(1);
  });

  it("case 32: a choice without tools is left out, or refused where it forces one", () => {
    expect(sent({ tool_choice: "auto" })).toEqual(sent({}));
    expect(refusedAt({ tool_choice: "required" })).toBe("/tool_choice");
  });

  it("case 33: parallel calls are forbidden within a choice, made up where there is none", () => {
    const forbidding = (tool_choice?: string) =>
      sent({ tools: [tool()], parallel_tool_calls: false, tool_choice }).tool_choice;
    expect(forbidding()).toEqual({ type: "auto", disable_parallel_tool_use: true });
    expect(forbidding("required")).toEqual({ type: "any", disable_parallel_tool_use: true });
    expect(sent({ parallel_tool_calls: false })).not.toHaveProperty("tool_choice");
  });

  it("case 34: a history of tools needs none in the request", () => {
    const messages = [
      hello,
      { role: "assistant", tool_calls: [call("c")] },
      { role: "tool", tool_call_id: "c", content: "x" },
    ];
    expect(sent({ messages })).not.toHaveProperty("tools");
  });

  it("case 35: where a tool is forced there is no thinking", () => {
    const forced = { tools: [tool()], tool_choice: "required", reasoning_effort: "high" };
    for (const model of [budgeted, adaptive]) expect(sent(forced, model)).not.toHaveProperty("thinking");
  });
});

describe("response_format and reasoning_effort", () => {
  const schema = { type: "object", properties: { n: { type: "integer", minimum: 1 } }, required: ["n"] };
  const response_format = { type: "json_schema", json_schema: { name: "x", schema } };

  it("case 36: a schema is output_config.format, with what that does not know in words", () => {
    const asked = sent({ response_format }).output_config.format;
    expect(asked).toEqual({
      type: "json_schema",
      schema: {
        type: "object",
        properties: { n: { type: "integer", description: "(minimum: 1)" } },
        required: ["n"],
        additionalProperties: false,
      },
    });
    expect(sent({ response_format })).not.toHaveProperty("tools");
  });

  it("case 36: for older models it is a tool called json, and forced", () => {
    const request = sent({ response_format, reasoning_effort: "high" }, old);
    expect(request.tools).toMatchObject([{ name: "json", input_schema: schema }]);
    expect(request.tool_choice).toEqual({ type: "tool", name: "json", disable_parallel_tool_use: true });
    expect(request).not.toHaveProperty("output_config");
    expect(request).not.toHaveProperty("thinking");
    const beside = sent({ response_format, tools: [tool("json")] }, old);
    expect(beside.tools.map(({ name }: { name: string }) => name)).toEqual(["json", "json_"]);
    expect(beside.tool_choice).toEqual({ type: "any" });
    const list = { type: "json_schema", json_schema: { name: "x", schema: { type: "array" } } };
    expect(refusedAt({ response_format: list }, old)).toBe("/response_format/json_schema/schema/type");
  });

  it("case 37: json_object is an instruction", () => {
    expect(sent({ response_format: { type: "json_object" } }).system).toContain("one JSON object");
  });

  it("case 38: an effort is adaptive thinking where the model has it", () => {
    const made = ["minimal", "high", "xhigh"].map((reasoning_effort) => sent({ reasoning_effort }, adaptive));
    expect(made.map((request) => [request.thinking, request.output_config.effort])).toEqual([
      [{ type: "adaptive" }, "low"],
      [{ type: "adaptive" }, "high"],
      [{ type: "adaptive" }, "max"],
    ]);
    expect(sent({ reasoning_effort: "xhigh" }, latest).output_config.effort).toBe("xhigh");
    expect(sent({ reasoning_effort: "none" }, adaptive).thinking).toEqual({ type: "disabled" });
  });

  it("case 39: elsewhere it is a budget of 1024 or more, below a raised max_tokens, without sampling", () => {
    const asked = { reasoning_effort: "medium", temperature: 0.4, top_p: 0.4, top_k: 4 };
    const request = sent({ ...asked, max_tokens: 100 });
    expect(request).toMatchObject({ thinking: { type: "enabled", budget_tokens: 4_096 }, max_tokens: 4_196 });
    for (const name of ["temperature", "top_p", "top_k"]) expect(request).not.toHaveProperty(name);
    for (const max_tokens of [undefined, 1, 2_000, 31_500, 32_000, 40_000]) {
      const { thinking, max_tokens: most } = sent({ reasoning_effort: "max", max_tokens }, old);
      expect(thinking.budget_tokens).toBeGreaterThanOrEqual(1_024);
      expect(thinking.budget_tokens).toBeLessThan(most);
      // The model's own limit, also where the caller asks for more.
      expect(most).toBe(32_000);
    }
  });

  it("case 39: there is no budget while tools are called without the thinking before it", () => {
    const signed = { type: "thinking", thinking: "hm", signature: "s" };
    const asked = (fields: object, ...more: object[]) => ({
      reasoning_effort: "low",
      messages: [
        hello,
        { role: "assistant", tool_calls: [call("c")], ...fields },
        { role: "tool", tool_call_id: "c", content: "x" },
        ...more,
      ],
    });
    expect(sent(asked({}))).not.toHaveProperty("thinking");
    expect(sent(asked({ thinking_blocks: [signed] })).thinking.type).toBe("enabled");
    expect(sent(asked({}, { role: "assistant", content: "done" }, hello)).thinking.type).toBe("enabled");
    expect(sent(asked({}), adaptive).thinking).toEqual({ type: "adaptive" });
  });

  it("case 40: signed thinking is replayed as it was and first, unsigned is dropped", () => {
    const signed = { type: "thinking", thinking: "hm", signature: "s" };
    const redacted = { type: "redacted_thinking", data: "d" };
    const unsigned = { type: "thinking", thinking: "u" };
    const answer = {
      role: "assistant",
      content: "4",
      reasoning_content: "hm",
      thinking_blocks: [signed, unsigned, redacted],
      tool_calls: [call("c")],
    };
    expect(turns(hello, answer)[1].content).toMatchObject([
      signed,
      redacted,
      text("4"),
      { type: "tool_use" },
    ]);
  });

  it("case 41: at most 4 marks of the cache are kept, with their ttl and never on thinking", () => {
    const mark = (n: number) => ({
      cache_control: { type: "ephemeral", ttl: "1h" },
      text: `${n}`,
      type: "text",
    });
    const thought = { type: "thinking", thinking: "h", signature: "s", cache_control: { type: "ephemeral" } };
    const messages = [
      { role: "system", content: [mark(1)] },
      ...[2, 3, 4, 5].flatMap((n) => [
        { role: "user", content: [mark(n)] },
        { role: "assistant", content: "x", thinking_blocks: [thought] },
      ]),
      { role: "user", content: "6", cache_control: { type: "ephemeral" } },
    ];
    const marked = (body: object) => {
      const { tools = [], system, messages: made } = sent(body);
      const blocks = [...tools, ...system, ...made.flatMap(({ content }: { content: object[] }) => content)];
      expect(blocks.filter(({ type }) => type === "thinking")).toHaveLength(4);
      const kept = blocks.filter((block) => "cache_control" in block);
      expect(kept.every(({ type }) => type !== "thinking")).toBe(true);
      return kept.map((block) => [block.name ?? block.text, block.cache_control.ttl]);
    };
    const sentMessages = { messages };
    expect(marked(sentMessages)).toEqual([
      ["1", "1h"],
      ["4", "1h"],
      ["5", "1h"],
      ["6", undefined],
    ]);
    const tools = [{ ...tool("f"), cache_control: { type: "ephemeral" } }];
    expect(marked({ ...sentMessages, tools }).map(([name]) => name)).toEqual(["f", "4", "5", "6"]);
    const automatic = { ...sentMessages, cache_control: { type: "ephemeral" } };
    expect(marked(automatic).map(([name]) => name)).toEqual(["1", "5", "6"]);
    const broken = (ttl?: string) => ({ ...text("x"), prompt_cache_breakpoint: { mode: "explicit", ttl } });
    expect(turns(...part(broken()))[0].content[0].cache_control).toEqual({ type: "ephemeral" });
    expect(turns(...part(broken("30m")))[0].content[0].cache_control).toEqual({
      type: "ephemeral",
      ttl: "1h",
    });
    // The caller's own body is unchanged.
    expect(JSON.stringify(messages).split("cache_control")).toHaveLength(11);
  });

  it("case 42: names and ids that do not fit are changed, in tools, choice, history and results alike", () => {
    const long = `mcp__${"server".repeat(12)}__tool`;
    const names = [long, `${long}2`, "files.read", "files/read", "plain"];
    const id = "functions.read:0";
    const request = sent({
      tools: names.map((name) => tool(name)),
      tool_choice: tool(long),
      messages: [
        hello,
        { role: "assistant", tool_calls: [call(id, "{}", long)] },
        { role: "tool", tool_call_id: id, content: "x" },
      ],
    });
    const given = request.tools.map(({ name }: { name: string }) => name);
    for (const name of given) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(new Set(given).size).toBe(5);
    expect(given[4]).toBe("plain");
    expect(request.tool_choice.name).toBe(given[0]);
    const [use] = request.messages[1].content;
    expect(use.name).toBe(given[0]);
    expect(use.id).toMatch(/^[a-zA-Z0-9_-]+$/);
    expect(request.messages[2].content[0].tool_use_id).toBe(use.id);
  });
});
