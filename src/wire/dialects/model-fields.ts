import type { ListedCapabilities } from "./types.ts";

/**
 * Fields of an entry in a list of models that say what the model can do. Each client reads those of one service. What is
 * not known is left out: clients then use their own defaults.
 */

/** OpenRouter's fields, which most clients of OpenAI-like services read: https://openrouter.ai/docs/guides/overview/models */
export function openRouterFields(capabilities: ListedCapabilities): object {
  const { contextTokens, maxOutputTokens, vision, tools, reasoning } = capabilities;
  const isMeasured = contextTokens !== undefined || maxOutputTokens !== undefined;
  const parameters = [
    ...(tools ? ["tools", "tool_choice"] : []),
    ...(reasoning ? ["reasoning", "include_reasoning"] : []),
  ];
  return {
    ...(contextTokens !== undefined && { context_length: contextTokens }),
    ...(vision !== undefined && {
      architecture: {
        modality: vision ? "text+image->text" : "text->text",
        input_modalities: modalities(vision),
        output_modalities: ["text"],
      },
    }),
    ...(isMeasured && {
      top_provider: {
        context_length: contextTokens ?? null,
        max_completion_tokens: maxOutputTokens ?? null,
        is_moderated: false,
      },
    }),
    ...((tools !== undefined || reasoning !== undefined) && {
      supported_parameters: ["max_tokens", ...parameters],
    }),
  };
}

/** Anthropic's fields: https://platform.claude.com/docs/en/api/models/list */
export function anthropicFields({
  contextTokens,
  maxOutputTokens,
  vision,
  reasoning,
}: ListedCapabilities): object {
  const known = {
    ...(vision !== undefined && { image_input: { supported: vision } }),
    ...(reasoning !== undefined && { thinking: { supported: reasoning } }),
  };
  return {
    ...(contextTokens !== undefined && { max_input_tokens: contextTokens }),
    ...(maxOutputTokens !== undefined && { max_tokens: maxOutputTokens }),
    ...(Object.keys(known).length > 0 && { capabilities: known }),
  };
}

/** The kinds of input that a model takes. */
export function modalities(vision: boolean): string[] {
  return vision ? ["text", "image"] : ["text"];
}
