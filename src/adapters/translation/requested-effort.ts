import { type Fields, isGiven, objectAt } from "./request-fields.ts";

/** Tokens of thinking from which an effort is meant. */
const efforts = [
  [32_768, "max"],
  [16_384, "high"],
  [4_096, "medium"],
] as const;

/**
 * Returns the effort of reasoning that a chat request asks for; undefined where it asks for none. Clients of OpenRouter say
 * it as `reasoning`, with an effort, a budget of tokens, or only on and off (case 165):
 * https://openrouter.ai/docs/use-cases/reasoning-tokens
 *
 * @throws AppError `invalid_request`
 */
export function requestedEffort({ reasoning_effort, reasoning }: Fields): unknown {
  if (isGiven(reasoning_effort) || !isGiven(reasoning)) return reasoning_effort;
  const { effort, max_tokens, enabled } = objectAt(reasoning, "/reasoning");
  if (enabled === false) return "none";
  if (isGiven(effort)) return effort;
  if (typeof max_tokens === "number")
    return max_tokens <= 0 ? "none" : (efforts.find(([tokens]) => max_tokens >= tokens)?.[1] ?? "low");
  return enabled === true ? "medium" : undefined;
}
