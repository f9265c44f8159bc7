import type { Price } from "../../kinds/llm-settings.ts";
import { ownMachineTypes } from "../../kinds/provider-types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { oncePerObject } from "./once-per-object.ts";
import type { LlmRow } from "./store/typed-rows.ts";

/** The day on which the table was last compared with the price lists of the providers. */
export const pricesAsOf = "2026-11-21";

/**
 * List prices by the beginning of a model's name; the longest match counts: https://platform.claude.com/docs/en/about-claude/pricing
 * and https://openai.com/api/pricing. Batch, priority and long-context rates are not in
 * it. For those, and for other models, an llm has a `price` of its own.
 */
export const listPrices: Readonly<Record<string, Price>> = {
  "claude-fable-5": { input: 10, output: 50, cachedInput: 1 },
  "claude-fable-5-1": { input: 10, output: 50, cachedInput: 0.25 },
  "claude-mythos-5": { input: 10, output: 50, cachedInput: 1 },
  "claude-mythos-5-1": { input: 10, output: 50, cachedInput: 0.25 },
  "claude-opus-4-5": { input: 5, output: 25, cachedInput: 0.5 },
  "claude-opus-4-6": { input: 5, output: 25, cachedInput: 0.5 },
  "claude-opus-4-7": { input: 5, output: 25, cachedInput: 0.5 },
  "claude-opus-4-8": { input: 5, output: 25, cachedInput: 0.5 },
  "claude-opus-5": { input: 5, output: 25, cachedInput: 0.5 },
  "claude-opus-5-5": { input: 4, output: 20, cachedInput: 0.2 },
  "claude-sonnet-4": { input: 3, output: 15, cachedInput: 0.3 },
  "claude-sonnet-5": { input: 2, output: 10, cachedInput: 0.2 },
  "claude-sonnet-5-5": { input: 2, output: 10, cachedInput: 0.1 },
  "claude-haiku-4-5": { input: 1, output: 5, cachedInput: 0.1 },
  "gpt-5.4": { input: 2.5, output: 15, cachedInput: 0.25 },
  "gpt-5.4-mini": { input: 0.75, output: 4.5, cachedInput: 0.075 },
  "gpt-5.4-nano": { input: 0.2, output: 1.25, cachedInput: 0.02 },
  "gpt-5.4-pro": { input: 30, output: 180 },
  "gpt-5.5": { input: 5, output: 30, cachedInput: 0.5 },
  "gpt-5.5-pro": { input: 30, output: 180 },
};

const free: Price = { input: 0, output: 0 };

const pricing = oncePerObject(({ spec: { model, price, type } }: LlmRow) => ({
  price: price ?? (ownMachineTypes.has(type) ? free : listPriceOf(model)),
}));

/** Returns the price of an llm: its `price`, or the list price; undefined if it has neither. */
export function priceOf(llm: LlmRow): Price | undefined {
  return pricing(llm).price;
}

/**
 * Returns the cost of a call in millionths of a dollar; undefined if the llm has no price.
 *
 * @param model the model that the call was sent to: with `allowModelOverride`, callers can choose one that costs more
 */
export function costOf(llm: LlmRow, usage: Usage, model = llm.spec.model): number | undefined {
  const price = priceOf(llm);
  if (!price) return undefined;
  const own = costAt(price, usage);
  const listed = model === llm.spec.model ? undefined : listPriceOf(model);
  return listed ? Math.max(own, costAt(listed, usage)) : own;
}

function costAt(
  { input, output, cachedInput = input }: Price,
  { promptTokens, completionTokens, cachedTokens }: Usage,
): number {
  return (promptTokens - cachedTokens) * input + cachedTokens * cachedInput + completionTokens * output;
}

/** Finds the list price of a model. A date or `latest` can follow the name in the list: `claude-opus-5-20260812`. */
function listPriceOf(model: string): Price | undefined {
  let best = "";
  for (const name of Object.keys(listPrices)) {
    const fits =
      model === name ||
      (model.startsWith(`${name}-`) && /^\d{6,}|^latest/.test(model.slice(name.length + 1)));
    if (fits && name.length > best.length) best = name;
  }
  return listPrices[best];
}
