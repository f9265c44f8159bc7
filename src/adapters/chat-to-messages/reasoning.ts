import { type Fields, isGiven, refused } from "../request-fields.ts";

/** Tokens to think, for models that take a budget and no effort. Anthropic's least is 1,024. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 4_096,
  high: 16_384,
  xhigh: 32_768,
  max: 32_768,
};

/** The version in a Claude model's name, as 406 for 4.6; undefined where there is none. */
export function claudeVersion(model: string): number | undefined {
  const found = /claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  return found ? Number(found[1]) * 100 + Number(found[2] ?? 0) : undefined;
}

/**
 * `reasoning_effort` as what the model takes: adaptive thinking with an effort from Claude 4.6 on, before that a
 * budget, for which `max_tokens` is raised (cases 38 and 39). Anthropic does not think where a tool is forced
 * (case 35).
 *
 * @throws AppError `invalid_request` on an effort that nobody knows
 */
export function reasoningOf(
  effort: unknown,
  model: string,
  maxTokens: number,
  isToolForced: boolean,
): { thinking?: Fields; effort?: string; max_tokens?: number } {
  if (!isGiven(effort)) return {};
  if (effort === "none") return { thinking: { type: "disabled" } };
  const budget = budgets[String(effort)];
  if (budget === undefined) throw refused("/reasoning_effort", `reasoning_effort ${effort} is not known`);
  const version = claudeVersion(model);
  if (version !== undefined && version >= 406) {
    return {
      ...(!isToolForced && { thinking: { type: "adaptive" } }),
      effort: effortOf(String(effort), version),
    };
  }
  if (isToolForced) return {};
  return { thinking: { type: "enabled", budget_tokens: budget }, max_tokens: maxTokens + budget };
}

function effortOf(effort: string, version: number): string {
  if (effort === "minimal") return "low";
  return effort === "xhigh" && version === 406 ? "max" : effort;
}

/**
 * `temperature`, `top_p` and `top_k` as the model accepts them: none after Claude 4.6 or while it thinks, else a temperature of at most 1, and `top_p` only without it, because older models refuse both (cases 24, 25
 * and 39).
 */
export function samplingOf(body: Fields, model: string, isThinking: boolean): Fields {
  const version = claudeVersion(model);
  if (isThinking || (version !== undefined && version > 406)) return {};
  const { temperature, top_p, top_k } = body;
  return {
    ...(isGiven(temperature) && {
      temperature: typeof temperature === "number" ? Math.min(temperature, 1) : temperature,
    }),
    ...(isGiven(top_p) && !isGiven(temperature) && { top_p }),
    ...(isGiven(top_k) && { top_k }),
  };
}
