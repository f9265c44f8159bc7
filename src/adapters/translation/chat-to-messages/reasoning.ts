import { type Effort, isEffort, nearestEffort, type Quirks } from "../../quirks/types.ts";
import { type Fields, isGiven, quoted, refused } from "../request-fields.ts";

/** Tokens of thinking for each effort, for models that take a budget. */
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
 * Translates `reasoning_effort` to what the model takes: adaptive thinking with an effort, or a budget of tokens, for
 * which `max_tokens` is raised as far as the model allows (cases 38, 39). Anthropic does not think where a tool is forced
 * (case 35).
 *
 * @param allowed The kinds of thinking that the rest of the request allows: any thinking, and thinking with a budget.
 * @throws AppError `invalid_request` for an unknown effort
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
  const { thinkingForms: forms = [adaptiveThinking ? "adaptive" : "enabled"] } = quirks;
  if (forms.includes("adaptive")) {
    return {
      ...(allowed.thinking && { thinking: { type: "adaptive" } }),
      ...(quirks.efforts?.length !== 0 && { effort: nearestEffort(effort, efforts) }),
    };
  }
  return allowed.thinking && allowed.budget && forms.length > 0
    ? withBudget(budgets[effort], maxTokens, maxOutputTokens)
    : {};
}

/** Adds a budget to `max_tokens` where the model has room for both; otherwise thinking and answer share the room. */
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
 * Returns `temperature`, `top_p` and `top_k` in the form that the model accepts: none after Claude 4.6 or while it
 * thinks; otherwise a temperature of at most 1, and `top_p` only without it, because older models refuse both together
 * (cases 24, 25, 39).
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
