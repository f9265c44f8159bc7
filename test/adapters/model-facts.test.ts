import { describe, expect, it } from "vitest";
import { knownCapabilities } from "../../src/adapters/known-models.ts";
import { capabilitiesIn } from "../../src/adapters/model-facts.ts";

describe("what a provider says of a model", () => {
  it.each([
    [
      "OpenRouter",
      {
        id: "qwen/qwen3-vl",
        context_length: 262_144,
        architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
        top_provider: { context_length: 131_072, max_completion_tokens: 32_768, is_moderated: false },
        supported_parameters: ["max_tokens", "tools", "include_reasoning"],
      },
      { contextTokens: 262_144, maxOutputTokens: 32_768, vision: true, tools: true, reasoning: true },
    ],
    [
      "OpenRouter, of a model for text",
      {
        context_length: 32_768,
        architecture: { input_modalities: ["text"] },
        top_provider: { max_completion_tokens: null },
        supported_parameters: ["max_tokens"],
      },
      { contextTokens: 32_768, vision: false, tools: false, reasoning: false },
    ],
    ["vLLM", { id: "m", object: "model", max_model_len: 16_384 }, { contextTokens: 16_384 }],
    [
      "Anthropic",
      {
        id: "claude-sonnet-5",
        max_input_tokens: 200_000,
        max_tokens: 64_000,
        capabilities: { image_input: { supported: true }, thinking: { supported: true, types: {} } },
      },
      { contextTokens: 200_000, maxOutputTokens: 64_000, vision: true, reasoning: true },
    ],
    [
      "LM Studio",
      {
        id: "m",
        type: "vlm",
        max_context_length: 131_072,
        loaded_context_length: 8_192,
        capabilities: ["tool_use"],
      },
      { contextTokens: 8_192, vision: true, tools: true },
    ],
    [
      "LM Studio, of a model for text",
      { id: "m", type: "llm", max_context_length: 131_072 },
      { contextTokens: 131_072, vision: false },
    ],
    [
      "Ollama's page of a model",
      {
        model_info: { "general.architecture": "qwen3", "qwen3.context_length": 40_960 },
        capabilities: ["completion", "tools", "thinking"],
      },
      { contextTokens: 40_960, vision: false, tools: true, reasoning: true },
    ],
    [
      "Ollama's page of a model that runs with a smaller context (case 186)",
      {
        model_info: { "qwen3.context_length": 40_960 },
        parameters: 'stop                           "<|im_end|>"\nnum_ctx                        8192\n',
      },
      { contextTokens: 8_192 },
    ],
    [
      "the properties of llama.cpp",
      { default_generation_settings: { n_ctx: 4_096 }, modalities: { vision: false, audio: false } },
      { contextTokens: 4_096, vision: false },
    ],
    [
      "Groq",
      { context_window: 131_072, max_completion_tokens: 8_192 },
      { contextTokens: 131_072, maxOutputTokens: 8_192 },
    ],
    [
      "Mistral",
      {
        max_context_length: 32_768,
        capabilities: { completion_chat: true, function_calling: true, vision: false },
      },
      { contextTokens: 32_768, vision: false, tools: true },
    ],
    [
      "Fireworks",
      { context_length: 65_536, supports_image_input: false, supports_tools: true },
      { contextTokens: 65_536, vision: false, tools: true },
    ],
    ["a workstation agent", { contextLength: 32_768 }, { contextTokens: 32_768 }],
    ["OpenAI", { id: "gpt-5.5", object: "model", created: 1, owned_by: "openai" }, {}],
  ])("is read from %s", (_, entry, capabilities) => {
    expect(capabilitiesIn(entry)).toEqual(capabilities);
  });

  it.each([
    undefined,
    null,
    "text",
    [],
    { context_length: "131072" },
    { context_length: -1 },
    { context_length: 1.5 },
    { context_length: 1e300 },
    { context_length: null, top_provider: "none", capabilities: 7, architecture: [] },
    { model_info: { "x.context_length": {} } },
  ])("is nothing where it is not usable: %j", (entry) => {
    expect(capabilitiesIn(entry)).toEqual({});
  });
});

describe("the built-in table of models", () => {
  it.each([
    ["gpt-4.1", 1_047_576, 32_768],
    ["openai/gpt-4o-mini", 128_000, 16_384],
    ["gpt-5.2", 400_000, 128_000],
    ["gpt-5.5-2026-04-23", 1_050_000, 128_000],
    ["claude-haiku-4-5-20251001", 200_000, undefined],
    ["gemini-2.5-pro", 1_048_576, 65_536],
  ])("knows %s", (model, contextTokens, maxOutputTokens) => {
    const known = knownCapabilities(model);
    expect([known.contextTokens, known.maxOutputTokens]).toEqual([contextTokens, maxOutputTokens]);
    expect(known).toMatchObject({ vision: true, tools: true });
  });

  it.each(["gpt-oss-120b", "qwen3:8b", "my-gpt", "gpt-4o-transcribe", "gpt-5-chat-latest", "up", ""])(
    "says nothing of %j",
    (model) => {
      expect(knownCapabilities(model)).toEqual({});
    },
  );
});
