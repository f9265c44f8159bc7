import type { Capabilities } from "../kinds/llm-settings.ts";
import { isObject } from "../wire/json.ts";

/** Fields in which providers write the most tokens of a context, the one that counts first. */
const contextFields = [
  ...["loaded_context_length", "max_model_len", "context_length", "max_input_tokens", "context_window"],
  ...["max_context_length", "max_context_window", "contextTokens", "contextLength", "n_ctx"],
];

/** Fields in which providers write the most tokens of an answer. */
const outputFields = ["max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens"];

/** Words for a capability, in lists of features, parameters and modalities. */
const words: Readonly<Record<"vision" | "tools" | "reasoning", readonly string[]>> = {
  vision: ["vision", "image", "image_input"],
  tools: ["tools", "tool_use", "function_calling", "supports_tools"],
  reasoning: ["reasoning", "thinking", "include_reasoning", "reasoning_effort"],
};

/** Flags of one capability each. */
const flags: Readonly<Record<"vision" | "tools" | "reasoning", readonly string[]>> = {
  vision: ["vision", "image_input", "supports_image_input"],
  tools: ["tools", "function_calling", "supports_tools"],
  reasoning: ["reasoning", "thinking"],
};

/**
 * Reads what a provider says of a model: an entry of its list of models, or of a page about one model. The forms are
 * those of OpenRouter, vLLM, Anthropic, LM Studio, Ollama, Groq, Mistral, Together and Fireworks, of the `/props` of
 * llama.cpp, and what workstation agents report. Unknown fields say nothing.
 */
export function capabilitiesIn(entry: unknown): Capabilities {
  if (!isObject(entry)) return {};
  const top = part(entry["top_provider"]);
  const told = part(entry["capabilities"]);
  const contextTokens =
    firstCount([entry], contextFields) ??
    firstCount([part(entry["default_generation_settings"]), top], contextFields) ??
    ollamaContext(entry);
  const maxOutputTokens = firstCount([top, entry], outputFields);
  const lists = [
    entry["capabilities"],
    entry["supported_parameters"],
    entry["supported_features"],
    part(entry["architecture"])["input_modalities"],
    entry["input_modalities"],
  ].filter((list): list is unknown[] => Array.isArray(list));
  const modalities = part(entry["modalities"]);
  const has = (name: keyof typeof words): boolean | undefined => {
    for (const flag of flags[name]) {
      const own = asFlag(told[flag]) ?? asFlag(entry[flag]) ?? asFlag(modalities[flag]);
      if (own !== undefined) return own;
    }
    if (name === "vision" && entry["type"] === "vlm") return true;
    if (lists.some((list) => list.some((word) => words[name].includes(String(word).toLowerCase()))))
      return true;
    return isListed(name, entry) ? false : undefined;
  };
  return defined({
    contextTokens,
    maxOutputTokens: maxOutputTokens === contextTokens ? undefined : maxOutputTokens,
    vision: has("vision"),
    tools: has("tools"),
    reasoning: has("reasoning"),
  });
}

/** Returns true if the entry has the list in which the capability would stand. */
function isListed(name: keyof typeof words, entry: Readonly<Record<string, unknown>>): boolean {
  const inputs = part(entry["architecture"])["input_modalities"] ?? entry["input_modalities"];
  if (name === "vision" && Array.isArray(inputs)) return true;
  // Ollama lists all that a model can do. LM Studio's list has no images: its type says that.
  if (Array.isArray(entry["capabilities"]) && entry["model_info"] !== undefined) return true;
  if (name === "vision") return entry["type"] === "llm" && entry["max_context_length"] !== undefined;
  return Array.isArray(entry["supported_parameters"]);
}

/** A flag, or Anthropic's `{supported: true}`. */
function asFlag(value: unknown): boolean | undefined {
  if (typeof value === "boolean") return value;
  const { supported } = part(value);
  return typeof supported === "boolean" ? supported : undefined;
}

/**
 * The context that Ollama runs a model with: its `num_ctx`, beyond which it silently cuts the conversation, else the one
 * in `model_info`, whose keys begin with the architecture: `qwen3.context_length`.
 */
function ollamaContext({ model_info, parameters }: Readonly<Record<string, unknown>>): number | undefined {
  const [, set] = typeof parameters === "string" ? (/^num_ctx\s+(\d{1,10})\s*$/m.exec(parameters) ?? []) : [];
  const found = Object.entries(part(model_info)).find(([name]) => name.endsWith(".context_length"));
  const most = found && count(found[1]);
  const own = count(Number(set));
  return own !== undefined && most !== undefined ? Math.min(own, most) : (own ?? most);
}

function firstCount(
  places: readonly Readonly<Record<string, unknown>>[],
  names: readonly string[],
): number | undefined {
  for (const place of places)
    for (const name of names) {
      const found = count(place[name]);
      if (found !== undefined) return found;
    }
  return undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 && value <= 1_000_000_000
    ? value
    : undefined;
}

function part(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** Returns an object without its undefined fields. */
function defined(fields: { [Name in keyof Capabilities]: Capabilities[Name] | undefined }): Capabilities {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
