import { modalities } from "./model-fields.ts";
import type { ListedModel } from "./types.ts";

/**
 * The instructions with which Codex calls a model of this list. Codex has none of its own for a model that its provider
 * lists, and would send an empty prompt.
 */
const instructions = `You are Codex, a coding agent that runs in a terminal on the user's computer.

- Work in the current directory. Read the files that matter before you change anything, and follow their style.
- Use the tools that you are given. Run commands to look around, to build and to test.
- Keep changes small and to the point. Do not undo changes that you did not make.
- Go on until the task is done, then say in a few sentences what you changed and how you checked it.
- Where something is unclear and a wrong guess would be costly, ask.`;

const levels = ["low", "medium", "high"].map((effort) => ({ effort, description: `${effort} effort` }));

/**
 * Returns a model as Codex lists it: https://github.com/openai/codex, `ModelInfo` in its protocol crate. Features of
 * OpenAI's own service are off, because a translated call has no counterpart for them.
 */
export function codexModel(
  { id, capabilities: { contextTokens, vision, tools, reasoning } }: ListedModel,
  index: number,
): object {
  return {
    slug: id,
    display_name: id,
    description: null,
    default_reasoning_level: reasoning ? "medium" : null,
    supported_reasoning_levels: reasoning ? levels : [],
    shell_type: "shell_command",
    visibility: "list",
    supported_in_api: true,
    priority: index,
    additional_speed_tiers: [],
    service_tiers: [],
    availability_nux: null,
    upgrade: null,
    base_instructions: instructions,
    model_messages: null,
    supports_reasoning_summaries: reasoning === true,
    default_reasoning_summary: "auto",
    support_verbosity: false,
    default_verbosity: null,
    apply_patch_tool_type: null,
    web_search_tool_type: "text",
    truncation_policy: { mode: "bytes", limit: 10_000 },
    supports_parallel_tool_calls: tools !== false,
    supports_image_detail_original: false,
    context_window: contextTokens ?? null,
    max_context_window: contextTokens ?? null,
    auto_compact_token_limit: null,
    effective_context_window_percent: 95,
    experimental_supported_tools: [],
    input_modalities: modalities(vision !== false),
    supports_search_tool: false,
    use_responses_lite: false,
    tool_mode: null,
    multi_agent_version: null,
  };
}
