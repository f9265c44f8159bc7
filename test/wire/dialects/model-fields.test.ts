import { describe, expect, it } from "vitest";
import { codexModel } from "../../../src/wire/dialects/codex-models.ts";
import { modelEntry } from "../../../src/wire/dialects/index.ts";
import type { ListedModel } from "../../../src/wire/dialects/types.ts";

const model: ListedModel = {
  id: "qwen",
  createdAt: 1_780_000_000_500,
  ownedBy: "vllm",
  capabilities: {
    contextTokens: 131_072,
    maxOutputTokens: 8_192,
    vision: true,
    tools: true,
    reasoning: false,
  },
};
const forCodex = codexModel(model, 0);

describe("an entry of a list of models", () => {
  it("says what the model can do in the fields of OpenRouter and of Anthropic", () => {
    expect(modelEntry(model)).toMatchObject({
      context_length: 131_072,
      architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
      top_provider: { context_length: 131_072, max_completion_tokens: 8_192 },
      supported_parameters: ["max_tokens", "tools", "tool_choice"],
      max_input_tokens: 131_072,
      max_tokens: 8_192,
      capabilities: { image_input: { supported: true }, thinking: { supported: false } },
    });
  });

  it("says nothing of what is not known", () => {
    expect(Object.keys(modelEntry({ ...model, capabilities: {} })).toSorted()).toEqual(
      ["created", "created_at", "display_name", "id", "object", "owned_by", "type"].toSorted(),
    );
    const partly = modelEntry({ ...model, capabilities: { vision: false } });
    expect(partly).toMatchObject({ architecture: { input_modalities: ["text"] } });
    expect(partly).not.toHaveProperty("context_length");
    expect(partly).not.toHaveProperty("top_provider");
  });
});

describe("the list for Codex (case 109)", () => {
  it("has the fields that Codex requires, with features of OpenAI's service off", () => {
    expect(forCodex).toEqual(
      expect.objectContaining({
        slug: "qwen",
        display_name: "qwen",
        supported_reasoning_levels: [],
        shell_type: "shell_command",
        visibility: "list",
        supported_in_api: true,
        priority: 0,
        truncation_policy: { mode: "bytes", limit: 10_000 },
        supports_parallel_tool_calls: true,
        context_window: 131_072,
        experimental_supported_tools: [],
        input_modalities: ["text", "image"],
        use_responses_lite: false,
        tool_mode: null,
        supports_search_tool: false,
        support_verbosity: false,
        multi_agent_version: null,
      }),
    );
  });

  it("has instructions: Codex would send an empty prompt without them", () => {
    expect(forCodex).toMatchObject({ base_instructions: expect.stringContaining("coding agent") });
  });

  it("has no context window where none is known, and efforts where the model reasons", () => {
    expect(codexModel({ ...model, capabilities: { reasoning: true } }, 0)).toMatchObject({
      context_window: null,
      default_reasoning_level: "medium",
      supports_reasoning_summaries: true,
    });
  });
});
