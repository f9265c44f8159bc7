import { type Fields, isGiven, objectAt, quoted, refused, refuseOthers } from "../request-fields.ts";

/** OpenAI's reasoning models: o1, o3-mini, gpt-5.6-sol, ft:gpt-5… */
const reasoner = /(?:^|[/:])(?:o\d|gpt-([5-9]|\d\d)(?:\.(\d+))?)(?![a-z0-9])/;

/** Others that take an effort: low, medium or high. */
const others = /(?:^|[/:])(?:gpt-oss|deepseek-v[4-9]|gemini-[2-9])/;

const efforts = ["low", "medium", "high", "xhigh", "max"];

/** Whether a model is one of OpenAI's that always reason: they take no sampling, and their limit has another name. */
export function isReasoner(model: string): boolean {
  return reasoner.test(model);
}

/**
 * `output_config.effort`, or else a thinking budget, as the `reasoning_effort` that the model takes: the next lower
 * one where it knows none so high. Undefined where nothing is asked for, or where the model takes none: it then
 * thinks as it pleases.
 *
 * @param config The request's `output_config`.
 * @throws AppError `invalid_request`
 */
export function reasoningEffort(body: Fields, config: Fields, model: string): string | undefined {
  const asked = askedEffort(body, config);
  const found = reasoner.exec(model);
  if (asked === undefined || !(found || others.test(model))) return undefined;
  const version = found ? Number(found[1] ?? 0) * 100 + Number(found[2] ?? 0) : 0;
  if (asked === "none") return version >= 501 && !/codex|pro/.test(model) ? "none" : undefined;
  const highest = version >= 506 ? "max" : version >= 502 ? "xhigh" : "high";
  return efforts[Math.min(efforts.indexOf(asked), efforts.indexOf(highest))];
}

function askedEffort(body: Fields, config: Fields): string | undefined {
  const thinking = isGiven(body.thinking) ? objectAt(body.thinking, "/thinking") : {};
  refuseOthers(thinking, "/thinking", ["type", "budget_tokens", "display"]);
  if (isGiven(config.effort)) {
    if (efforts.includes(config.effort as string)) return config.effort as string;
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
