import { describe, expect, it } from "vitest";
import { hello, refusal, translated } from "./translated.ts";

describe("tools of a chat request, translated to messages", () => {
  const tool = (fields: object = {}) => ({ type: "function", function: { name: "f", ...fields } });

  it("keep their schema with everything in it (case 30)", () => {
    const parameters = {
      type: "object",
      properties: { a: { $ref: "#/$defs/A" } },
      $defs: { A: { type: "string", minLength: 1 } },
      additionalProperties: false,
    };
    expect(
      translated({ tools: [tool({ parameters, description: "d", strict: true }), tool({ name: "g" })] })
        .tools,
    ).toEqual([
      { name: "f", description: "d", input_schema: parameters, strict: true },
      { name: "g", input_schema: { type: "object", properties: {} } },
    ]);
  });

  it("that are named twice are sent once: Anthropic refuses others (case 155)", () => {
    const tools = [tool({ description: "first" }), tool({ description: "second" }), tool({ name: "g" })];
    expect(translated({ tools }).tools).toMatchObject([{ name: "f", description: "first" }, { name: "g" }]);
  });

  it.each([
    ["auto", { type: "auto" }],
    ["required", { type: "any" }],
    ["none", { type: "none" }],
    [
      { type: "function", function: { name: "f" } },
      { type: "tool", name: "f" },
    ],
  ])("with tool_choice %j have the choice %j, and stay (case 31)", (tool_choice, expected) => {
    expect(translated({ tools: [tool()], tool_choice })).toMatchObject({
      tool_choice: expected,
      tools: [{ name: "f" }],
    });
  });

  it("are required by a choice that forces one (case 32)", () => {
    expect(refusal({ tool_choice: "required" })).toMatchObject({ path: "/tool_choice" });
    expect(translated({ tool_choice: "auto", tools: [] })).toEqual(translated({}));
  });

  it("have parallel calls forbidden within a choice, which is added where there is none (case 33)", () => {
    const forbidden = (tool_choice?: string) =>
      translated({ tools: [tool()], parallel_tool_calls: false, tool_choice }).tool_choice;
    expect(forbidden()).toEqual({ type: "auto", disable_parallel_tool_use: true });
    expect(forbidden("required")).toEqual({ type: "any", disable_parallel_tool_use: true });
    expect(forbidden("none")).toEqual({ type: "none" });
    expect(translated({ tools: [tool()], parallel_tool_calls: true })).not.toHaveProperty("tool_choice");
    expect(translated({ parallel_tool_calls: false })).toEqual(translated({}));
  });

  it("are not required by calls in the history (case 34)", () => {
    const tool_calls = [{ id: "c", function: { name: "f", arguments: "{}" } }];
    const request = translated({
      messages: [
        ...hello,
        { role: "assistant", tool_calls },
        { role: "tool", tool_call_id: "c", content: "x" },
      ],
    });
    expect(request).not.toHaveProperty("tools");
  });

  it("are refused by name when they or the choice are of another kind", () => {
    expect(refusal({ tools: [{ type: "mcp", mcp: {} }] })).toMatchObject({ path: "/tools/0/type" });
    expect(refusal({ tools: [tool({ colour: 1 })] })).toMatchObject({ path: "/tools/0/function/colour" });
    expect(refusal({ tools: [tool()], tool_choice: { type: "mcp" } })).toMatchObject({
      path: "/tool_choice",
    });
    expect(refusal({ tools: [tool()], tool_choice: { type: "allowed_tools" } })).toMatchObject({
      path: "/tool_choice/allowed_tools/tools",
    });
  });
});
