import { describe, expect, it } from "vitest";
import { correctionOf, mergedQuirks } from "../../../src/adapters/quirks/correction.ts";

const removable = ["stream_options", "user", "prompt_cache_key"];
const correction = (message: string, sent: object, more: object = {}) =>
  correctionOf({ status: 400, message, param: null, sent: { ...sent }, removable, ...more });

describe("the correction after a refusal (case 107)", () => {
  it.each([
    [
      "OpenAI",
      "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas",
      16384,
    ],
    [
      "Anthropic",
      "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for claude-3-5",
      8192,
    ],
    ["DeepSeek", "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192],
    ["Groq", "`max_tokens` must be less than or equal to `16384`, the maximum value", 16384],
    [
      "Gemini",
      "Unable to submit request because it has a maxOutputTokens value of 32000 but the supported range is from 1 (inclusive) to 8193 (exclusive).",
      8192,
    ],
  ])("is the limit of output that %s tells", (_name, message, maxOutputTokens) => {
    expect(correction(message, { max_tokens: 32_000 })).toEqual({ maxOutputTokens });
  });

  it("is the other name of the limit", () => {
    expect(
      correction(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        { max_tokens: 9 },
      ),
    ).toEqual({ limitField: "max_completion_tokens" });
    expect(
      correction("property 'max_completion_tokens' is unsupported", { max_completion_tokens: 9 }),
    ).toEqual({ limitField: "max_tokens" });
  });

  it("is a field to leave out that was sent and is named", () => {
    const sent = { stream_options: {}, messages: [] };
    expect(correction("body.stream_options: Extra inputs are not permitted", sent)).toEqual({
      without: ["stream_options"],
    });
    expect(correction("unknown field", { user: "u" }, { param: "user" })).toEqual({ without: ["user"] });
  });

  it.each<[string, object, object]>([
    ["the field was not sent", { messages: [] }, {}],
    ["the caller's own field is named", { stream_options: {}, messages: [] }, { message: "messages is bad" }],
    ["another word contains the name", { user: "u" }, { message: "the username and user_id are bad" }],
    ["the status is another", { stream_options: {} }, { status: 500 }],
    [
      "the limit is not too large",
      { max_tokens: 5 },
      { message: "supports at most 16384 completion tokens" },
    ],
  ])("is none where %s", (_name, sent, more) => {
    expect(correction("stream_options is not permitted", sent, more)).toBeUndefined();
  });

  it.each<[string, object, object]>([
    [
      "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
      { temperature: 0, top_p: 1 },
      { sampling: false },
    ],
    ["invalid temperature: only 1 is allowed for this model", { temperature: 0 }, { sampling: false }],
    ["`temperature` is deprecated for this model.", { temperature: 0 }, { sampling: false }],
    [
      "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
      { temperature: 0, top_p: 1 },
      { without: ["top_p"] },
    ],
    ["Unsupported parameter: 'stop' is not supported with this model.", { stop: [] }, { without: ["stop"] }],
    [
      "Unrecognized request argument supplied: reasoning_effort",
      { reasoning_effort: "low" },
      { without: ["reasoning_effort"] },
    ],
  ])("is a setting that the model does not have: %s", (message, sent, quirks) => {
    expect(correction(message, sent)).toEqual(quirks);
  });

  it.each<[string, object]>([
    ["temperature must be between 0 and 2", { temperature: 3 }],
    [
      "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model.",
      { reasoning_effort: "xhigh" },
    ],
    ["Unsupported parameter: 'logprobs' is not supported with this model.", { logprobs: true }],
    ["Unsupported parameter: 'temperature' is not supported with this model.", { messages: [] }],
  ])("is none for the caller's own fault: %s", (message, sent) => {
    expect(correction(message, sent)).toBeUndefined();
  });

  it("names the field where the model is known to take no sampling", () => {
    const message = "Unsupported parameter: 'temperature' is not supported with this model.";
    const more = { quirks: { sampling: false } };
    expect(correction(message, { temperature: 0 }, more)).toEqual({ without: ["temperature"] });
  });

  it("adds up with earlier ones", () => {
    expect(mergedQuirks({ without: ["a"], sampling: false }, { without: ["b"] })).toEqual({
      sampling: false,
      without: ["a", "b"],
    });
  });
});
