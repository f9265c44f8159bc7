import { type Effort, isEffort, nearestEffort, type Quirks } from "../../quirks/types.ts";
import { type Fields, isGiven, quoted, refused } from "../request-fields.ts";

/** Tokens to think, for models that take a budget and no effort. */
const budgets: Readonly<Record<Effort, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 4_096,
  high: 16_384,
  xhigh: 32_768,
  max: 32_768,
};

/** Anthropic refuses a smaller budget. */
const leastBudget = 1_024;

/**
 * `reasoning_effort` as what the model takes: adaptive thinking with an effort from Claude 4.6 on, before that a
 * budget, for which `max_tokens` is raised as far as the model goes (cases 38, 39). Anthropic does not think
 * where a tool is forced (case 35).
 *
 * @param allowed Whether the rest of the request lets the model think at all, and think on a budget.
 * @throws AppError `invalid_request` on an effort that nobody knows
 */
export function reasoningOf(
  effort: unknown,
  quirks: Quirks,
  maxTokens: number,
  allowed: { thinking: boolean; budget: boolean },
): { thinking?: Fields; effort?: string; max_tokens?: number } {
  if (!isGiven(effort)) return {};
  if (effort === "none") return { thinking: { type: "disabled" } };
  if (!isEffort(effort)) {
    throw refused("/reasoning_effort", `reasoning_effort ${quoted(effort)} is not known`);
  }
  const { adaptiveThinking, efforts = [], maxOutputTokens } = quirks;
  if (adaptiveThinking) {
    return {
      ...(allowed.thinking && { thinking: { type: "adaptive" } }),
      effort: nearestEffort(effort, efforts),
    };
  }
  return allowed.thinking && allowed.budget ? withBudget(budgets[effort], maxTokens, maxOutputTokens) : {};
}

/** The answer keeps its `max_tokens` where the model has room for both; else they share what there is. */
function withBudget(
  budget: number,
  maxTokens: number,
  maxOutputTokens = Number.POSITIVE_INFINITY,
): { thinking: Fields; max_tokens: number } {
  const most = Math.max(maxOutputTokens, maxTokens);
  const room = Math.min(maxTokens + budget, most) - maxTokens;
  const max_tokens = maxTokens + room;
  const budget_tokens = room >= leastBudget ? room : Math.min(budget, Math.floor(max_tokens / 2));
  return { thinking: { type: "enabled", budget_tokens }, max_tokens };
}

/**
 * `temperature`, `top_p` and `top_k` as the model accepts them: none after Claude 4.6 or while it thinks, else a
 * temperature of at most 1, and `top_p` only without it, because older models refuse both (cases 24, 25, 39).
 */
export function samplingOf(body: Fields, quirks: Quirks, isThinking: boolean): Fields {
  if (isThinking || quirks.sampling === false) return {};
  const { temperature, top_p, top_k } = body;
  return {
    ...(isGiven(temperature) && {
      temperature: typeof temperature === "number" ? Math.min(temperature, 1) : temperature,
    }),
    ...(isGiven(top_p) && !isGiven(temperature) && { top_p }),
    ...(isGiven(top_k) && { top_k }),
  };
}
