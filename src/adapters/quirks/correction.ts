import { saysUnsupported, tuningFields } from "./tuning-fields.ts";
import type { Quirks } from "./types.ts";

/** A refusal of a provider, and the request that it refused. */
export interface ProviderRefusal {
  status: number;
  /** The provider's sentence. */
  message: string;
  /** The field that the provider names: OpenAI's `param`. */
  param: unknown;
  /** The body of the request as it was sent. */
  sent: Readonly<Record<string, unknown>>;
  /** Fields that can be left out: this program added them, or they change nothing that an answer says. */
  removable: readonly string[];
  /** The quirks with which the request was made. */
  quirks?: Quirks;
}

/** Sentences that tell the most output tokens of a model: OpenAI, Anthropic, DeepSeek, Groq, Mistral, Gemini, Together. */
const outputLimits: readonly RegExp[] = [
  /supports at most (\d+) completion tokens/i,
  /max_tokens: \d+ > (\d+), which is the maximum allowed number of output tokens/i,
  /valid range of max_(?:completion_)?tokens is \[\d+, ?(\d+)\]/i,
  /max_(?:completion_|output_)?tokens`? (?:value )?(?:must|should|cannot|can not|may not)\b.{0,40}?(?:equal to|than|exceed|at most|<=) `?(\d+)/i,
  /(?:supported range is from 1 \(inclusive\) to )(\d+) \(exclusive\)/i,
];

/**
 * Returns the quirk that a refusal teaches about a model; undefined if a second try would not help.
 *
 * The provider must name a field that this program added or may leave out, or the limit of the model's output.
 */
export function correctionOf(refusal: ProviderRefusal): Quirks | undefined {
  const { status, message, sent } = refusal;
  if (status !== 400 && status !== 422) return undefined;
  const asked = limitIn(sent);
  if (asked) {
    const most = outputLimitIn(message);
    if (most !== undefined && most > 0 && most < asked.value) return { maxOutputTokens: most };
    if (asked.field === "max_tokens" && /max_completion_tokens/.test(message) && names(refusal, "max_tokens"))
      return { limitField: "max_completion_tokens" };
    if (asked.field === "max_completion_tokens" && names(refusal, "max_completion_tokens"))
      return { limitField: "max_tokens" };
  }
  const field = refusal.removable.find((name) => Object.hasOwn(sent, name) && names(refusal, name));
  if (field !== undefined) return { without: [field] };
  return tuningCorrection(refusal);
}

/** A model that has no temperature has no other setting of sampling either. Of two that exclude each other, one stays. */
function tuningCorrection(refusal: ProviderRefusal): Quirks | undefined {
  const { message, sent, quirks } = refusal;
  const named = tuningFields.filter(
    (name) => Object.hasOwn(sent, name) && names(refusal, name) && saysUnsupported(name, message),
  );
  const field = named.at(-1);
  if (field === undefined) return undefined;
  return field === "temperature" && quirks?.sampling === undefined
    ? { sampling: false }
    : { without: [field] };
}

/** Merges two sets of quirks: the later one holds, and fields to leave out add up. */
export function mergedQuirks(first: Quirks, later: Quirks): Quirks {
  const without = [...new Set([...(first.without ?? []), ...(later.without ?? [])])];
  return { ...first, ...later, ...(without.length > 0 && { without }) };
}

function limitIn(
  sent: ProviderRefusal["sent"],
): { field: "max_tokens" | "max_completion_tokens" | "max_output_tokens"; value: number } | undefined {
  for (const field of ["max_completion_tokens", "max_tokens", "max_output_tokens"] as const) {
    const value = sent[field];
    if (typeof value === "number") return { field, value };
  }
  return undefined;
}

function outputLimitIn(message: string): number | undefined {
  for (const sentence of outputLimits) {
    const found = sentence.exec(message.slice(0, 2_000))?.[1];
    if (found === undefined) continue;
    return /exclusive/.test(sentence.source) ? Number(found) - 1 : Number(found);
  }
  return undefined;
}

/** Returns true if a refusal is about a top-level field. */
function names({ message, param }: ProviderRefusal, field: string): boolean {
  if (param === field) return true;
  return new RegExp(`(?:^|[^\\w.])(?:body\\.)?${field}(?![\\w])`).test(message.slice(0, 2_000));
}
