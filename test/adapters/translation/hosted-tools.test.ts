import { describe, expect, it } from "vitest";
import { droppedFields } from "../../../src/adapters/translation/dropped-fields.ts";
import { translationFor } from "../../../src/adapters/translation/index.ts";

const fromMessages = translationFor("messages", "chat")!;
const fromResponses = translationFor("responses", "chat")!;
const ask = { max_tokens: 9, messages: [{ role: "user", content: "hello" }] };
const own = { name: "f", input_schema: { type: "object", properties: {} } };
const func = { type: "function", name: "f", parameters: { type: "object", properties: {} } };
const namesOf = (request: Record<string, unknown>) =>
  ((request["tools"] ?? []) as { function: { name: string } }[]).map((tool) => tool.function.name);

describe("tools that run at the provider (case 141)", () => {
  it.each(["web_search_20250305", "web_fetch_20250910", "code_execution_20250825", "mcp_toolset"])(
    "%s is left out among others, is named, and is refused alone",
    (type) => {
      const tools = [{ type, name: "hosted" }, own];
      expect(namesOf(fromMessages.request({ ...ask, tools }, "m", {}))).toEqual(["f"]);
      expect(droppedFields("messages", { ...ask, tools }, {}, true)).toEqual([`tools.${type}`]);
      expect(() => fromMessages.request({ ...ask, tools: [tools[0]] }, "m", {})).toThrow(
        "runs at Anthropic only",
      );
    },
  );

  it("cannot be chosen when they are left out", () => {
    const tools = [{ type: "web_search_20250305", name: "web_search" }, own];
    const tool_choice = { type: "tool", name: "web_search" };
    expect(() => fromMessages.request({ ...ask, tools, tool_choice }, "m", {})).toThrow(
      "the tool web_search runs at Anthropic only",
    );
    const chosen = { type: "tool", name: "f" };
    expect(fromMessages.request({ ...ask, tools, tool_choice: chosen }, "m", {})).toMatchObject({
      tool_choice: { function: { name: "f" } },
    });
  });

  it("that search for tools are left out: all tools are sent", () => {
    const tools = [{ type: "tool_search_tool_regex_20251119", name: "tool_search_tool_regex" }];
    expect(fromMessages.request({ ...ask, tools }, "m", {})).not.toHaveProperty("tools");
  });

  it.each(["file_search", "code_interpreter", "computer_use_preview", "mcp", "local_shell", "apply_patch"])(
    "%s of responses is left out among others, and is refused alone",
    (type) => {
      const tools = [{ type }, func];
      const body = { input: "x", tools };
      expect(namesOf(fromResponses.request(body, "m", {}))).toEqual(["f"]);
      expect(droppedFields("responses", body, {}, true)).toEqual([`tools.${type}`]);
      expect(fromResponses.response(answer, "m", body)).toMatchObject({ tools: [func] });
      expect(() => fromResponses.request({ input: "x", tools: [{ type }] }, "m", {})).toThrow(
        "runs at OpenAI only",
      );
    },
  );
});

const answer = { id: "1", choices: [{ message: { content: "ok" }, finish_reason: "stop" }] };

describe("tools that Anthropic defines and the client runs (case 141)", () => {
  it.each([
    ["bash_20250124", "bash", { command: { type: "string" } }],
    ["text_editor_20250728", "str_replace_based_edit_tool", { path: { type: "string" } }],
    ["memory_20250818", "memory", { old_path: { type: "string" } }],
    ["computer_20250124", "computer", { scroll_amount: { type: "integer" } }],
  ])("%s is a function with its inputs", (type, name, properties) => {
    const screen = { display_width_px: 1024, display_height_px: 768 };
    const tools = [{ type, name, ...(name === "computer" && screen) }];
    const request = fromMessages.request({ ...ask, tools }, "m", {});
    expect(request["tools"]).toMatchObject([
      {
        type: "function",
        function: { name, parameters: { type: "object", properties }, description: expect.any(String) },
      },
    ]);
    if (name === "computer") expect(JSON.stringify(request)).toContain("1024 x 768");
  });

  it("are called by their own names", () => {
    const tools = [{ type: "bash_20250124", name: "bash" }];
    const call = { id: "c", type: "function", function: { name: "bash", arguments: '{"command":"ls"}' } };
    const body = { id: "1", choices: [{ message: { tool_calls: [call] }, finish_reason: "tool_calls" }] };
    expect(fromMessages.response(body, "m", { ...ask, tools })["content"]).toMatchObject([
      { type: "tool_use", name: "bash", input: { command: "ls" } },
    ]);
  });
});
