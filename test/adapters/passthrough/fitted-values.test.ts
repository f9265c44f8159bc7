import { describe, expect, it } from "vitest";
import { fittedFields } from "../../../src/adapters/passthrough/fitted-fields.ts";
import { fittedValues } from "../../../src/adapters/passthrough/fitted-values.ts";

const adaptive = { max_tokens: 8_000, thinking: { type: "adaptive" } };
const enabled = { max_tokens: 8_000, thinking: { type: "enabled", budget_tokens: 6_000 } };
const limited = (maxOutputTokens: number) => ({ maxOutputTokens, limitsNative: true });

describe("a request of messages to a model that refused its thinking (case 200)", () => {
  it("asks for the form that the model takes", () => {
    const budget = { thinking: { type: "enabled", budget_tokens: 4_000 } };
    expect(fittedValues("messages", adaptive, { thinkingForms: ["enabled"] })).toEqual(budget);
    expect(fittedValues("messages", enabled, { thinkingForms: ["adaptive"] })).toEqual({
      thinking: { type: "adaptive" },
    });
    const small = { ...adaptive, max_tokens: 2_000 };
    expect(fittedValues("messages", small, { thinkingForms: ["enabled"] })).toEqual({
      thinking: { type: "disabled" },
    });
  });

  it("asks for none, and keeps no rules about it, where the model has none", () => {
    const edits = [{ type: "clear_thinking_20251015", keep: "all" }];
    const body = { ...adaptive, context_management: { edits } };
    const none = { thinkingForms: [] };
    expect(fittedValues("messages", body, none)).toEqual({});
    expect([...fittedFields("messages", body, none)!]).toEqual([
      ["thinking", null],
      ["context_management", null],
    ]);
    const other = {
      ...body,
      context_management: { edits: [...edits, { type: "clear_tool_uses_20250919" }] },
    };
    expect([...fittedFields("messages", other, none)!.keys()]).toEqual(["thinking"]);
    expect(fittedFields("messages", { thinking: { type: "disabled" } }, none)).toBeUndefined();
  });

  it("has no effort where the model has none, and the rest of its settings", () => {
    const format = { type: "json_schema" };
    const body = { ...adaptive, output_config: { effort: "high", format } };
    expect(fittedValues("messages", body, { efforts: [] })).toEqual({ output_config: { format } });
    expect(fittedValues("messages", body, { efforts: ["high"] })).toEqual({});
  });

  it("stays as it is where nothing was refused", () => {
    const own = { max_tokens: 500, thinking: { type: "enabled", budget_tokens: 499 } };
    for (const body of [adaptive, enabled, own])
      for (const quirks of [{}, { adaptiveThinking: true }, { maxOutputTokens: 4_096 }])
        expect(fittedValues("messages", body, quirks)).toEqual({});
  });
});

describe("a request above the limit that is known of the very model", () => {
  it.each([
    ["chat", { max_tokens: 9_000 }, { max_tokens: 8_000 }],
    ["chat", { max_completion_tokens: 9_000 }, { max_completion_tokens: 8_000 }],
    ["responses", { max_output_tokens: 9_000 }, { max_output_tokens: 8_000 }],
    ["messages", { max_tokens: 9_000 }, { max_tokens: 8_000 }],
    [
      "messages",
      { max_tokens: 32_000, thinking: { type: "enabled", budget_tokens: 31_999 } },
      { max_tokens: 8_000, thinking: { type: "enabled", budget_tokens: 4_000 } },
    ],
    [
      "messages",
      { max_tokens: 9_000, thinking: { type: "enabled", budget_tokens: 2_000 } },
      { max_tokens: 8_000 },
    ],
    ["chat", { max_tokens: 7_000 }, {}],
    ["chat", { max_tokens: "9000" }, {}],
  ] as const)("%s %j: %j", (dialect, body, changes) => {
    expect(fittedValues(dialect, body, limited(8_000))).toEqual(changes);
    expect(fittedValues(dialect, body, { maxOutputTokens: 8_000 })).toEqual({});
  });
});
