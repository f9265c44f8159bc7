import type { Price } from "../../kinds/llm-settings.ts";
import { ownMachineTypes } from "../../kinds/provider-types.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { oncePerObject } from "./once-per-object.ts";
import { type ListedPrice, listedPrice } from "./price-lists/index.ts";
import { type Rates, ratesOf, type TokenRates, tokenRateNames } from "./rates.ts";
import { tierFactor } from "./service-tiers.ts";
import type { LlmRow } from "./store/typed-rows.ts";

/** The price of an llm, and where it comes from. */
export interface Pricing {
  /** `llm`: its own field; `list`: the price list of its provider; `free`: it runs on a machine of its users. */
  readonly source: "llm" | "list" | "free";
  readonly price: Price;
  readonly rates: Rates;
  /** The entry of the price list, if it comes from there. */
  readonly listed?: ListedPrice;
}

const free: Price = {
  input: 0,
  output: 0,
  image: 0,
  second: 0,
  character: 0,
  search: 0,
  fileSearch: 0,
  container: 0,
};

const pricing = oncePerObject(({ spec }: LlmRow): { of: Pricing | undefined } => {
  const { type, price } = spec;
  if (price) return { of: { source: "llm", price, rates: ratesOf(price, type) } };
  if (ownMachineTypes.has(type)) return { of: { source: "free", price: free, rates: ratesOf(free, type) } };
  const listed = listedPrice(spec);
  if (!listed) return { of: undefined };
  return {
    of: { source: "list", listed, price: listed.price, rates: ratesOf(listed.price, listed.list.type) },
  };
});

/** Returns the price of an llm: its `price`, or the list price; undefined if it has neither. */
export function pricingOf(llm: LlmRow): Pricing | undefined {
  return pricing(llm).of;
}

/**
 * Returns the cost of a call in millionths of a dollar; undefined if the llm has no price for what was used.
 *
 * @param model the model that the call was sent to: with `allowModelOverride`, callers can choose one that costs more
 */
export function costOf(llm: LlmRow, usage: Usage, model = llm.spec.model): number | undefined {
  const own = pricingOf(llm);
  if (!own) return undefined;
  const usual = usualCost(own, llm, usage, model);
  return usual && usual * tierFactor(llm.spec.type, usage.tier);
}

function usualCost(own: Pricing, llm: LlmRow, usage: Usage, model: string): number | undefined {
  const cost = costAt(own.rates, usage);
  if (model === llm.spec.model || cost === undefined) return cost;
  const listed = listedPrice({ ...llm.spec, model });
  return listed ? Math.max(cost, costAt(ratesOf(listed.price, listed.list.type), usage) ?? 0) : cost;
}

function costAt(rates: Rates, usage: Usage): number | undefined {
  const { images = 0, seconds = 0, characters = 0, searches = 0, countedHere } = usage;
  const { fileSearches = 0, containers = 0 } = usage;
  const tokens = usage.promptTokens > rates.longAbove ? rates.long : rates.usual;
  const ofTokens = 1e6 * rates.request + costOfTokens(tokens, usage);
  const isBilledInTokens = rates.usual.input + rates.usual.output > 0;
  // Most calls use nothing but tokens.
  const used = images + seconds + characters + searches + fileSearches + containers;
  if (used === 0 && isBilledInTokens) return ofTokens;
  const units: readonly (readonly [number, number | undefined])[] = [
    [1e6 * images, rates.image],
    [1e6 * seconds, rates.second],
    [characters, rates.character],
    [1e6 * searches, rates.search],
    [1e6 * fileSearches, rates.fileSearch],
    [1e6 * containers, rates.container],
  ];
  const counted = units.filter(([count]) => count > 0);
  const { input, output } = rates.usual;
  const isBilledOtherwise = input + output + rates.request > 0 || !units.some(([, rate = 0]) => rate > 0);
  // A model that is billed by the second or character costs something even if nobody has counted them.
  if (counted.length === 0 && input + output === 0 && units.some(([, rate = 0]) => rate > 0))
    return undefined;
  // A unit that only this server has counted may be billed in tokens, or by the call.
  const isMissing = counted.some(([, rate]) => rate === undefined);
  if (isMissing && !(countedHere && isBilledOtherwise)) return undefined;
  return counted.reduce((cost, [count, rate = 0]) => cost + count * rate, ofTokens);
}

/** Counts each token once: overlapping counts of a provider never make a part negative. */
function costOfTokens(rates: TokenRates, usage: Usage): number {
  let input = usage.promptTokens;
  let output = usage.completionTokens;
  const taken = (count: number | undefined, left: number) => Math.min(count ?? 0, left);
  const cached = taken(usage.cachedTokens, input);
  input -= cached;
  const hour = taken(usage.cacheWrite1hTokens, input);
  input -= hour;
  const written = taken((usage.cacheWriteTokens ?? 0) - hour, input);
  input -= written;
  const heard = taken(usage.audioInputTokens, input);
  input -= heard;
  const seen = taken(usage.imageInputTokens, input);
  input -= seen;
  const spoken = taken(usage.audioOutputTokens, output);
  output -= spoken;
  const drawn = taken(usage.imageOutputTokens, output);
  output -= drawn;
  return (
    input * rates.input +
    cached * rates.cachedInput +
    written * rates.cacheWrite +
    hour * rates.cacheWrite1h +
    heard * rates.audioInput +
    seen * rates.imageInput +
    output * rates.output +
    spoken * rates.audioOutput +
    drawn * rates.imageOutput
  );
}

/** True if a price is lower in any part, or if there was none, with which a limit in dollars refuses all calls. */
export function isLower(price: Pricing | undefined, than: Pricing | undefined): boolean {
  if (!price) return false;
  if (!than) return true;
  const [own, other] = [price.rates, than.rates];
  const units = ["image", "second", "character", "search", "fileSearch", "container", "request"] as const;
  return (
    units.some((unit) => (own[unit] ?? Infinity) < (other[unit] ?? Infinity)) ||
    tokenRateNames.some((name) => own.usual[name] < other.usual[name] || lowestLong(own, name, other))
  );
}

/** True if a rate is lower for some long prompt: below both bounds it is the usual one, above both the long one. */
function lowestLong(own: Rates, name: keyof TokenRates, other: Rates): boolean {
  const at = ({ longAbove, long, usual }: Rates, tokens: number) => (tokens > longAbove ? long : usual)[name];
  return [own.longAbove, other.longAbove].some(
    (above) => at(own, above + 1) < at(other, above + 1) || at(own, above) < at(other, above),
  );
}
