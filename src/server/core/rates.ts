import type { Price } from "../../kinds/llm-settings.ts";

/** Every kind of token that a price has a rate for. */
export const tokenRateNames = [
  "input",
  "output",
  "cachedInput",
  "cacheWrite",
  "cacheWrite1h",
  "audioInput",
  "audioOutput",
  "imageInput",
  "imageOutput",
] as const;

/** US dollars for a million tokens of each kind: the same as millionths of a dollar for one token. */
export type TokenRates = Readonly<Record<(typeof tokenRateNames)[number], number>>;

/** A price with a rate for every kind of token. */
export interface Rates {
  readonly usual: TokenRates;
  /** Of calls with more input tokens than `longAbove`. */
  readonly long: TokenRates;
  readonly longAbove: number;
  /** US dollars for one image. Undefined, like the following, if the price does not have it. */
  readonly image: number | undefined;
  /** For a second of audio. */
  readonly second: number | undefined;
  /** For a million characters. */
  readonly character: number | undefined;
  /** For a search of a rerank. */
  readonly search: number | undefined;
  /** For a search of files. */
  readonly fileSearch: number | undefined;
  /** For a container in which code runs. */
  readonly container: number | undefined;
  /** For a call, beside its tokens. */
  readonly request: number;
}

/**
 * Dollars for tools that run at the provider, with every model: https://platform.claude.com/docs/en/about-claude/pricing,
 * https://developers.openai.com/api/docs/pricing
 */
const toolRates: Readonly<Record<string, Pick<Price, "search" | "fileSearch" | "container">>> = {
  anthropic: { search: 0.01 },
  openai: { search: 0.01, fileSearch: 0.0025, container: 0.03 },
};

/**
 * Returns a price with the defaults of what it leaves out. Anthropic's surcharge for writing its cache is known:
 * https://platform.claude.com/docs/en/about-claude/pricing
 *
 * @param type the type of the llm, or of the price list
 */
export function ratesOf(price: Price, type: string): Rates {
  const { longContext, image, second, character, request = 0 } = price;
  const isBilled = price.input + price.output > 0;
  const tools = { ...(isBilled && toolRates[type]), ...price };
  const { search, fileSearch, container } = tools;
  const usual = tokenRates(price, type);
  const longAbove = longContext?.above ?? Infinity;
  const long = longContext ? tokenRates(longContext, type) : usual;
  return { usual, long, longAbove, image, second, character, search, fileSearch, container, request };
}

function tokenRates(price: Omit<Price, "longContext">, type: string): TokenRates {
  const { input, output } = price;
  const [five, hour] = type === "anthropic" ? [1.25, 2] : [1, 1];
  const cacheWrite = price.cacheWrite ?? five * input;
  return {
    input,
    output,
    cachedInput: price.cachedInput ?? input,
    cacheWrite,
    cacheWrite1h: price.cacheWrite1h ?? Math.max(cacheWrite, hour * input),
    audioInput: price.audioInput ?? input,
    audioOutput: price.audioOutput ?? output,
    imageInput: price.imageInput ?? input,
    imageOutput: price.imageOutput ?? output,
  };
}
