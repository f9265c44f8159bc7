import type { Price } from "../../../kinds/llm-settings.ts";
import { type ProviderType, providerTypes } from "../../../kinds/provider-types.ts";
import { anthropicPrices } from "./anthropic.ts";
import { geminiPrices } from "./gemini.ts";
import { mistralPrices } from "./mistral.ts";
import { cerebrasPrices, deepseekPrices, groqPrices, moonshotPrices, zaiPrices } from "./open-models.ts";
import { openaiPrices } from "./openai.ts";
import type { PriceList } from "./types.ts";
import { xaiPrices } from "./xai.ts";

/** The day on which the figures of all lists were gathered. */
export const pricesAsOf = "2026-11-29";

/** The price lists of all providers. A model whose price has no public source is in none of them. */
export const priceLists: readonly PriceList[] = [
  anthropicPrices,
  openaiPrices,
  geminiPrices,
  xaiPrices,
  mistralPrices,
  deepseekPrices,
  groqPrices,
  cerebrasPrices,
  moonshotPrices,
  zaiPrices,
];

/** The price of a model, and the list and name under which it stands. */
export interface ListedPrice {
  readonly list: PriceList;
  readonly name: string;
  readonly price: Price;
}

/** The parts of an llm that decide which list holds. */
export interface PricedCall {
  readonly type: string;
  readonly url: string;
  readonly model: string;
}

const listOfType = new Map<string, PriceList>(priceLists.map((list) => [list.type, list]));
const typeOfHost = new Map(
  Object.entries(providerTypes as Readonly<Record<string, ProviderType>>).flatMap(([type, { url }]) =>
    url === undefined ? [] : [[new URL(url).hostname, type] as const],
  ),
);

/** A part that may follow a name in a list: a date, a version of four digits, or `latest`. */
const version = /^(?:\d{4}-\d\d-\d\d|\d{4}|\d{6}|\d{8}|latest)$/;

/**
 * Returns the list price of a model; undefined where none is known. The public address of a provider decides which list
 * holds, whatever the type of the llm: the same open model has another price at another host. At any other address, the
 * list of the type holds for models that only that provider makes.
 */
export function listedPrice({ type, url, model }: PricedCall): ListedPrice | undefined {
  const list = listAt(type, url);
  if (!list) return undefined;
  // Gemini's own form of a name.
  const called = model.replace(/^models\//, "");
  let best = "";
  for (const name of Object.keys(list.models))
    if (name.length > best.length && isNamed(called, name)) best = name;
  return best === "" ? undefined : { list, name: best, price: list.models[best]! };
}

function listAt(type: string, url: string): PriceList | undefined {
  if (url === "") return listOfType.get(type);
  const owner = typeOfHost.get(URL.parse(url)?.hostname.replace(/\.$/, "") ?? "");
  if (owner !== undefined) return listOfType.get(owner);
  const list = listOfType.get(type);
  return list?.isEverywhere ? list : undefined;
}

function isNamed(model: string, name: string): boolean {
  return model === name || (model.startsWith(`${name}-`) && version.test(model.slice(name.length + 1)));
}
