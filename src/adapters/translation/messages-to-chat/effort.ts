import { isObject } from "../../../wire/json.ts";
import { type Effort, isEffort, nearestEffort, type Quirks } from "../../quirks/types.ts";
import { type Fields, isGiven, objectAt, quoted, refused, refuseOthers } from "../request-fields.ts";

/**
 * Translates `output_config.effort`, or else a thinking budget, to the nearest `reasoning_effort` that the model takes.
 * Returns undefined where the request asks for none or the model takes none: the model then decides itself.
 *
 * @param config The request's `output_config`.
 * @throws AppError `invalid_request`
 */
export function reasoningEffort(body: Fields, config: Fields, quirks: Quirks): Effort | "none" | undefined {
  const requested = requestedEffort(body, config);
  // OpenAI refuses tools together with reasoning in chat, also for models that reason unless they are told not to.
  const hasTools = Array.isArray(body.tools) && body.tools.length > 0;
  if (hasTools && quirks.effortWithTools === false) return quirks.effortNone ? "none" : undefined;
  // Models that take the effort `none` reason only if they are told to, and adaptive thinking asks for some.
  const isSilent = requested === undefined && quirks.effortNone && quirks.effortWithTools;
  if (isSilent && isAdaptive(body)) return "medium";
  if (requested === undefined || !quirks.efforts) return undefined;
  if (requested === "none") return quirks.effortNone ? "none" : undefined;
  return nearestEffort(requested, quirks.efforts);
}

function isAdaptive({ thinking }: Fields): boolean {
  return isObject(thinking) && thinking.type === "adaptive";
}

function requestedEffort(body: Fields, config: Fields): Effort | "none" | undefined {
  const thinking = isGiven(body.thinking) ? objectAt(body.thinking, "/thinking") : {};
  refuseOthers(thinking, "/thinking", ["type", "budget_tokens", "display"]);
  if (isGiven(config.effort)) {
    if (isEffort(config.effort) && config.effort !== "minimal") return config.effort;
    throw refused("/output_config/effort", `output_config.effort ${quoted(config.effort)} is not known`);
  }
  switch (thinking.type) {
    case "disabled":
      return "none";
    case "enabled": {
      const budget = thinking.budget_tokens ?? Number.MAX_SAFE_INTEGER;
      if (typeof budget !== "number")
        throw refused("/thinking/budget_tokens", "thinking.budget_tokens must be a number of tokens");
      return budget <= 2_048 ? "low" : budget <= 8_192 ? "medium" : "high";
    }
    case "adaptive":
    case "between_tools":
    case undefined:
      return undefined;
    default:
      throw refused("/thinking/type", `thinking of type ${quoted(thinking.type)} is not known`);
  }
}
