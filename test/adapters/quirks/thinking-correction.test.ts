import { describe, expect, it } from "vitest";
import { thinkingCorrectionOf } from "../../../src/adapters/quirks/thinking-correction.ts";

const adaptive = { thinking: { type: "adaptive" }, output_config: { effort: "high" } };
const enabled = { thinking: { type: "enabled", budget_tokens: 2048 } };
const correction = (message: string, sent: object, status = 400) =>
  thinkingCorrectionOf({ status, message, sent: { ...sent } });

describe("the correction after a refusal of thinking (case 200)", () => {
  it.each([
    ["thinking.type: Input should be 'enabled' or 'disabled'", adaptive, ["enabled"]],
    [
      "thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags: 'disabled', 'enabled'",
      adaptive,
      ["enabled"],
    ],
    ["adaptive thinking is not supported on this model", adaptive, ["enabled"]],
    ["adaptive thinking is not supported for this effort", adaptive, ["enabled"]],
    [
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort"',
      enabled,
      ["adaptive"],
    ],
    ["'claude-3-5-haiku-20241022' does not support thinking.", enabled, []],
    ['"llama3.2" does not support thinking', adaptive, []],
    ["thinking: Extra inputs are not permitted", enabled, []],
  ])("%s", (message, sent, thinkingForms) => {
    expect(correction(message, sent)).toEqual({ thinkingForms });
    expect(correction(message, sent, 422)).toEqual({ thinkingForms });
    expect(correction(message, sent, 500)).toBeUndefined();
    expect(correction(message, { thinking: { type: "disabled" } })).toBeUndefined();
    expect(correction(message, {})).toBeUndefined();
  });

  it("is no effort where the model has none", () => {
    const message = "This model does not support the effort parameter.";
    expect(correction(message, adaptive)).toEqual({ efforts: [] });
    expect(correction(message, enabled)).toBeUndefined();
  });

  it.each([
    ["`max_tokens` must be greater than `thinking.budget_tokens`", enabled],
    ["thinking.enabled.budget_tokens: Input should be greater than or equal to 1024", enabled],
    ["Thinking may not be enabled when tool_choice forces tool use.", enabled],
    ["messages.1.content.0: Invalid `signature` in `thinking` block", adaptive],
    ["messages.1.content.0.thinking: Extra inputs are not permitted", adaptive],
    ["output_config.effort: Input should be 'low', 'medium' or 'high'", adaptive],
    ["temperature may only be set to 1 when thinking is enabled", enabled],
    ["tools.0: input_schema is not supported", adaptive],
  ])("is none for: %s", (message, sent) => {
    expect(correction(message, sent)).toBeUndefined();
  });
});
