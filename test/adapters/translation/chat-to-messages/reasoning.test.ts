import { describe, expect, it } from "vitest";
import { refusal, translated } from "./translated.ts";

describe("reasoning_effort of a chat request, translated to messages", () => {
  it.each([
    ["claude-opus-4-6", "minimal", "low"],
    ["claude-opus-4-6", "xhigh", "max"],
    ["claude-opus-4-7", "xhigh", "xhigh"],
    ["us.anthropic.claude-sonnet-5-v1", "medium", "medium"],
  ])("for %s: %s is adaptive thinking with effort %s (case 38)", (model, reasoning_effort, effort) => {
    const request = translated({ reasoning_effort, temperature: 0.5 }, model);
    expect(request).toMatchObject({
      thinking: { type: "adaptive" },
      output_config: { effort },
      max_tokens: 64000,
    });
    expect(request).not.toHaveProperty("temperature");
  });

  it.each([
    "claude-haiku-4-5-20251001",
    "claude-sonnet-4-20250514",
    "claude-3-7-sonnet-latest",
    "deepseek-v4-pro",
  ])("for %s: is a budget, for which max_tokens is raised (case 39)", (model) => {
    const request = translated(
      { reasoning_effort: "low", max_tokens: 100, temperature: 0.5, top_k: 3 },
      model,
    );
    expect(request).toMatchObject({ thinking: { type: "enabled", budget_tokens: 1024 }, max_tokens: 1124 });
    expect(request).not.toHaveProperty("temperature");
    expect(request).not.toHaveProperty("top_k");
    expect(request).not.toHaveProperty("output_config");
  });

  it("switches thinking off for none, and where a tool is forced (cases 35, 38)", () => {
    expect(translated({ reasoning_effort: "none", temperature: 0.5 })).toMatchObject({
      thinking: { type: "disabled" },
      temperature: 0.5,
    });
    const forced = {
      tools: [{ type: "function", function: { name: "f" } }],
      tool_choice: "required",
      reasoning_effort: "high",
    };
    expect(translated(forced)).not.toHaveProperty("thinking");
    expect(translated(forced, "claude-opus-4-6")).not.toHaveProperty("thinking");
    expect(refusal({ reasoning_effort: "heroic" })).toMatchObject({ path: "/reasoning_effort" });
  });
});
