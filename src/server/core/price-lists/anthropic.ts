import type { PriceList } from "./types.ts";

/** Prices of Claude. Writing the cache costs 1.25 times the input for 5 minutes, and twice the input for an hour. */
export const anthropicPrices: PriceList = {
  type: "anthropic",
  source: "https://platform.claude.com/docs/en/about-claude/pricing",
  isEverywhere: true,
  models: {
    "claude-3-5-haiku": { input: 0.8, output: 4, cachedInput: 0.08 },
    "claude-3-5-sonnet": { input: 3, output: 15, cachedInput: 0.3 },
    "claude-3-7-sonnet": { input: 3, output: 15, cachedInput: 0.3 },
    "claude-fable-5": { input: 10, output: 50, cachedInput: 1 },
    "claude-fable-5-1": { input: 10, output: 50, cachedInput: 0.25 },
    "claude-haiku-4-5": { input: 1, output: 5, cachedInput: 0.1 },
    "claude-haiku-5-5": {
      input: 0.1,
      output: 0.5,
      cachedInput: 0.01,
      longContext: { above: 100_000, input: 0.5, output: 2.5, cachedInput: 0.05 },
    },
    "claude-mythos-5": { input: 10, output: 50, cachedInput: 1 },
    "claude-mythos-5-1": { input: 10, output: 50, cachedInput: 0.25 },
    "claude-mythos-preview": { input: 10, output: 50, cachedInput: 1 },
    "claude-opus-4": { input: 15, output: 75, cachedInput: 1.5 },
    "claude-opus-4-1": { input: 15, output: 75, cachedInput: 1.5 },
    "claude-opus-4-5": { input: 5, output: 25, cachedInput: 0.5 },
    "claude-opus-4-6": { input: 5, output: 25, cachedInput: 0.5 },
    "claude-opus-4-7": { input: 5, output: 25, cachedInput: 0.5 },
    "claude-opus-4-8": { input: 5, output: 25, cachedInput: 0.5 },
    "claude-opus-5": { input: 5, output: 25, cachedInput: 0.5 },
    "claude-opus-5-5": { input: 4, output: 20, cachedInput: 0.2 },
    "claude-sonnet-4": { input: 3, output: 15, cachedInput: 0.3 },
    "claude-sonnet-4-5": { input: 3, output: 15, cachedInput: 0.3 },
    "claude-sonnet-4-6": { input: 3, output: 15, cachedInput: 0.3 },
    "claude-sonnet-5": { input: 2, output: 10, cachedInput: 0.2 },
    "claude-sonnet-5-5": { input: 2, output: 10, cachedInput: 0.1 },
  },
};
