import { fieldName } from "../../wire/dialects/errors.ts";
import type { Dialect } from "../../wire/dialects/types.ts";
import { isObject } from "../../wire/json.ts";
import type { Quirks } from "../quirks/types.ts";
import { leftOutTools } from "./hosted-tools.ts";
import { type Fields, isGiven } from "./request-fields.ts";

/**
 * Fields of OpenAI that describe a call or tune its cache. The answer is the same without them. Only OpenAI itself is sure
 * to take them; strict providers refuse what they do not know (case 107).
 */
export const openaiFields = [
  ...["prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "safety_identifier", "verbosity"],
] as const;

/** Settings of sampling that not every provider has. An llm's quirk `dropUnsupported` leaves them out. */
export const samplingFields = [
  ...["seed", "logit_bias", "presence_penalty", "frequency_penalty", "repetition_penalty", "min_p", "top_a"],
  ...["logprobs", "top_logprobs"],
] as const;

/** Fields, as JSON pointers, that have no counterpart in another dialect and change nothing that an answer says. */
const hints: Readonly<Record<Dialect, readonly string[]>> = {
  chat: [
    ...["/metadata", "/store", "/verbosity", "/prediction"],
    ...["/prompt_cache_key", "/prompt_cache_retention", "/prompt_cache_options"],
    // Of OpenRouter, Groq, Mistral, vLLM and others: routing, and the form of reasoning.
    ...["/provider", "/route", "/transforms", "/models", "/usage", "/include_reasoning", "/reasoning_format"],
    ...[
      "/session_id",
      "/trace",
      "/safe_prompt",
      "/cache_prompt",
      "/chat_template_kwargs",
      "/enable_thinking",
    ],
    ...["/thinking_budget", "/extra_body", "/client_metadata"],
  ],
  messages: [
    ...["/cache_control", "/context_management", "/diagnostics", "/betas", "/user_profile_id"],
    // They change the price, the time and the end of an agent's work, not an answer.
    ...["/speed", "/fallbacks", "/output_config/task_budget"],
  ],
  responses: [
    ...["/truncation", "/client_metadata", "/max_tool_calls", "/metadata", "/context_management"],
    ...["/reasoning/summary", "/reasoning/generate_summary", "/reasoning/context", "/reasoning/mode"],
    ...["/prompt_cache_key", "/prompt_cache_retention", "/prompt_cache_options", "/safety_identifier"],
    ...["/text/verbosity", "/include"],
    // Of OpenRouter.
    ...["/provider", "/route", "/transforms", "/models", "/session_id", "/trace"],
  ],
};

/** Values with which a field asks for nothing: leaving it out is not worth a word. */
const silent: Readonly<Record<string, (value: unknown) => boolean>> = {
  "/truncation": (value) => value === "disabled",
  "/store": (value) => value === false,
  "/include": (value) =>
    Array.isArray(value) && value.every((name) => name === "reasoning.encrypted_content"),
  "/reasoning/summary": () => true,
  "/reasoning/generate_summary": () => true,
  "/reasoning/mode": (value) => value === "standard",
  "/reasoning/context": (value) => value === "auto",
  "/cache_control": () => true,
  "/client_metadata": () => true,
  "/metadata": () => true,
  "/diagnostics": () => true,
  "/speed": (value) => value === "standard",
};

/** Returns the top-level hints of a dialect: a translation knows them and leaves them out. */
export function hintsOf(dialect: Dialect): readonly string[] {
  return hints[dialect].map((path) => path.slice(1)).filter((name) => !name.includes("/"));
}

/**
 * Returns the names of the fields that a translation leaves out of a request, for the caller.
 *
 * @param isToOpenai True if the provider speaks one of OpenAI's dialects.
 */
export function droppedFields(
  caller: Dialect,
  body: Fields,
  quirks: Quirks,
  isToOpenai: boolean,
): readonly string[] {
  const sampling = quirks.dropUnsupported && !isToOpenai ? samplingFields.map((name) => `/${name}`) : [];
  const without = (quirks.without ?? []).map((name) => `/${name}`);
  const fields = [...new Set([...hints[caller], ...sampling, ...without])]
    .filter((path) => {
      const value = valueAt(body, path);
      if (!isGiven(value) || silent[path]?.(value)) return false;
      const name = path.slice(path.lastIndexOf("/") + 1);
      const isSent = isToOpenai && quirks.openaiFields && (openaiFields as readonly string[]).includes(name);
      return !isSent;
    })
    .map(fieldName);
  return [...fields, ...leftOutTools(caller, body.tools).map((type) => `tools.${type}`)];
}

function valueAt(body: Fields, path: string): unknown {
  return path
    .slice(1)
    .split("/")
    .reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), body);
}
