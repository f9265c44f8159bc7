import type { Dialect } from "../../wire/dialects/types.ts";
import { isObject } from "../../wire/json.ts";
import type { Quirks } from "../quirks/types.ts";
import type { Fields } from "../translation/request-fields.ts";
import type { RequestChanges } from "../without-sealed.ts";

/** Anthropic refuses a smaller budget of thinking. */
const leastBudget = 1_024;

const limitFields = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;

/**
 * Returns new values for fields of a request in the provider's own dialect that its model refuses as they are: a limit
 * above its own, and a form of thinking or an effort that it does not have (case 200).
 */
export function fittedValues(dialect: Dialect, body: Fields, quirks: Quirks): RequestChanges {
  const limits = quirks.limitsNative ? loweredLimits(body, quirks.maxOutputTokens) : {};
  if (dialect !== "messages") return limits;
  return { ...limits, ...fittedThinking(body, limits.max_tokens, quirks), ...withoutEffort(body, quirks) };
}

function loweredLimits(body: Fields, most: number | undefined): RequestChanges {
  const changes: RequestChanges = {};
  if (most === undefined) return changes;
  for (const field of limitFields) {
    const asked = body[field];
    if (typeof asked === "number" && asked > most) changes[field] = most;
  }
  return changes;
}

/**
 * Returns the thinking in the form that the model takes. A new budget leaves half of the answer's tokens for the answer.
 *
 * @param lowered the limit of the answer, where it is not the caller's own
 */
function fittedThinking(body: Fields, lowered: unknown, { thinkingForms }: Quirks): RequestChanges {
  const { thinking, max_tokens: own } = body;
  const limit = lowered ?? own;
  if (!isObject(thinking) || typeof limit !== "number") return {};
  const { type, budget_tokens: asked } = thinking;
  const isRefused = thinkingForms !== undefined && !thinkingForms.some((form) => form === type);
  if (type === "enabled" && isRefused && thinkingForms.includes("adaptive"))
    return { thinking: { type: "adaptive" } };
  const isTooLarge = lowered !== undefined && type === "enabled" && Number(asked) >= limit;
  const becomesEnabled = type === "adaptive" && isRefused && thinkingForms.includes("enabled");
  if (!becomesEnabled && !isTooLarge) return {};
  const budget = Math.floor(limit / 2);
  const isEnough = budget >= leastBudget;
  return { thinking: isEnough ? { type: "enabled", budget_tokens: budget } : { type: "disabled" } };
}

function withoutEffort({ output_config: output }: Fields, { efforts }: Quirks): RequestChanges {
  if (efforts?.length !== 0 || !isObject(output) || output.effort === undefined) return {};
  const { effort: _, ...rest } = output;
  return { output_config: rest };
}
