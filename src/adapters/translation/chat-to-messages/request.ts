import type { Quirks } from "../../quirks/types.ts";
import { hintsOf, samplingFields } from "../dropped-fields.ts";
import {
  type Fields,
  isEmpty,
  isFalse,
  isGiven,
  isZero,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";
import { requestedEffort } from "../requested-effort.ts";
import { keepFewMarks } from "./cache-marks.ts";
import type { Block } from "./content.ts";
import { callsWithoutThinking, conversation } from "./conversation.ts";
import { reasoningOf, samplingOf } from "./reasoning.ts";
import { formatOf } from "./response-format.ts";
import { toolsOf } from "./tools.ts";

/** Anthropic requires a limit and OpenAI does not (case 21): the limit for models whose own is unknown. */
const usualMaxTokens = 4_096;

const known = [
  ...["model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream", "stream_options"],
  ...["temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls"],
  ...["response_format", "reasoning_effort", "reasoning", "service_tier", "user", "safety_identifier"],
  // Anthropic's own fields, which some chat clients send.
  ...["top_k", "thinking", "cache_control"],
  ...hintsOf("chat"),
];

/** Fields without a counterpart, and the values with which they ask for nothing. */
const neutral = {
  n: (value: unknown) => value === 1,
  presence_penalty: isZero,
  frequency_penalty: isZero,
  logit_bias: isEmpty,
  logprobs: isFalse,
  top_logprobs: isZero,
  min_p: isZero,
  top_a: isZero,
  repetition_penalty: (value: unknown) => value === 1,
  functions: isEmpty,
  modalities: (value: unknown) => Array.isArray(value) && value.every((one) => one === "text"),
};

/**
 * Translates a chat request to Anthropic's. A field without a counterpart is refused by name, except hints, without which
 * the answer is the same.
 *
 * @throws AppError `invalid_request`
 */
export function messagesRequest(body: Fields, model: string, quirks: Quirks): Fields {
  refuseOthers(body, "", quirks.dropUnsupported ? [...known, ...samplingFields] : known, neutral);
  refuseStreamOptions(body.stream_options);
  const { system, messages } = conversation(body.messages, quirks);
  const requested = formatOf(body, quirks);
  const tools = toolsOf(body, requested.tool);
  const isToolForced = tools.tool_choice?.type === "any" || tools.tool_choice?.type === "tool";
  const { maxOutputTokens } = quirks;
  const requestedTokens = maxTokensOf(body) ?? maxOutputTokens ?? usualMaxTokens;
  const maxTokens = Math.min(requestedTokens, maxOutputTokens ?? requestedTokens);
  const allowed = { thinking: !isToolForced, budget: !callsWithoutThinking(messages) };
  const { effort, ...reasoning } = reasoningOf(requestedEffort(body), quirks, maxTokens, allowed);
  const thinking = isGiven(body.thinking) ? objectAt(body.thinking, "/thinking") : reasoning.thinking;
  const outputConfig = { ...(effort && { effort }), ...(requested.format && { format: requested.format }) };
  const stop = stopSequences(body.stop);
  keepFewMarks(tools.tools, system, messages, isGiven(body.cache_control));
  return {
    model,
    max_tokens: maxTokens,
    ...withInstruction(system, requested.instruction),
    messages,
    ...tools,
    ...samplingOf(body, quirks, thinking !== undefined && thinking.type !== "disabled"),
    ...reasoning,
    ...(thinking && { thinking }),
    ...(isGiven(body.thinking) && roomFor(thinking, maxTokens, maxOutputTokens)),
    ...(!isEmpty(outputConfig) && { output_config: outputConfig }),
    ...(stop.length > 0 && { stop_sequences: stop }),
    ...userOf(body),
    ...serviceTier(body.service_tier),
    ...(isGiven(body.stream) && { stream: body.stream }),
    ...(isGiven(body.cache_control) && { cache_control: body.cache_control }),
  };
}

/** Returns the limit of the answer. The newer of the two names goes first (case 22). */
function maxTokensOf({ max_completion_tokens, max_tokens }: Fields): number | undefined {
  const name = isGiven(max_completion_tokens) ? "max_completion_tokens" : "max_tokens";
  const given = max_completion_tokens ?? max_tokens ?? undefined;
  if (given === undefined || typeof given === "number") return given;
  throw refused(`/${name}`, `${name} must be a number`);
}

/** Raises the limit of the answer above a budget of thinking that the caller sets: Anthropic refuses a smaller one (case 39). */
function roomFor(
  thinking: Fields | undefined,
  maxTokens: number,
  most = Number.POSITIVE_INFINITY,
): { max_tokens?: number } {
  const budget = thinking?.budget_tokens;
  if (typeof budget !== "number" || budget < maxTokens) return {};
  return { max_tokens: Math.max(maxTokens, Math.min(budget + maxTokens, most)) };
}

/** Refuses unknown stream options. `include_obfuscation` only pads frames and is ignored. */
function refuseStreamOptions(options: unknown): void {
  if (!isGiven(options)) return;
  refuseOthers(objectAt(options, "/stream_options"), "/stream_options", [
    "include_usage",
    "include_obfuscation",
  ]);
}

/** Returns the end user, for whom OpenAI has two names (case 28). */
function userOf({ safety_identifier, user }: Fields): Fields {
  const name = isGiven(safety_identifier) ? "safety_identifier" : "user";
  const given = safety_identifier ?? user;
  return isGiven(given) ? { metadata: { user_id: textAt(given, `/${name}`) } } : {};
}

/** Translates the service tier: Anthropic has a priority tier and the standard one (case 29). */
function serviceTier(tier: unknown): Fields {
  switch (tier ?? undefined) {
    case undefined:
      return {};
    case "auto":
    case "priority":
      return { service_tier: "auto" };
    case "default":
    // Anthropic has no cheaper one.
    case "flex":
      return { service_tier: "standard_only" };
    default:
      throw refused("/service_tier", `service_tier ${quoted(tier)} has no counterpart at the llm's provider`);
  }
}

/** Returns the stop sequences without those of white space, which Anthropic refuses (case 23). */
function stopSequences(stop: unknown): string[] {
  const sequences = Array.isArray(stop) ? stop : isGiven(stop) ? [stop] : [];
  return sequences
    .map((one, index) => textAt(one, Array.isArray(stop) ? `/stop/${index}` : "/stop"))
    .filter((one) => one.trim() !== "");
}

function withInstruction(system: string | Block[] | undefined, instruction: string | undefined): Fields {
  if (instruction === undefined) return system === undefined ? {} : { system };
  if (Array.isArray(system)) return { system: [...system, { type: "text", text: instruction }] };
  return { system: system === undefined ? instruction : `${system}\n\n${instruction}` };
}
