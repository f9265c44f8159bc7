import type { PriceList } from "./types.ts";

/** Prices of Grok. */
export const xaiPrices: PriceList = {
  type: "xai",
  source: "https://docs.x.ai/docs/models",
  isEverywhere: true,
  models: {
    "grok-4.20": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-0309-non-reasoning": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-0309-reasoning": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-multi-agent": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-non-reasoning": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-non-reasoning-gv2": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-reasoning": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.20-reasoning-gv2": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.3": {
      input: 1.25,
      output: 2.5,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2.5, output: 5, cachedInput: 0.4 },
    },
    "grok-4.5": {
      input: 2,
      output: 6,
      cachedInput: 0.3,
      longContext: { above: 200_000, input: 4, output: 12, cachedInput: 0.6 },
    },
    "grok-4.6": {
      input: 2,
      output: 6,
      cachedInput: 0.5,
      longContext: { above: 200_000, input: 4, output: 12, cachedInput: 1 },
    },
    "grok-4.7": {
      input: 2,
      output: 6,
      cachedInput: 0.5,
      longContext: { above: 200_000, input: 4, output: 12, cachedInput: 1 },
    },
    "grok-build-0.1": {
      input: 1,
      output: 2,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2, output: 4, cachedInput: 0.4 },
    },
    "grok-build-latest": {
      input: 2,
      output: 6,
      cachedInput: 0.3,
      longContext: { above: 200_000, input: 4, output: 12, cachedInput: 0.6 },
    },
    "grok-code-fast": {
      input: 1,
      output: 2,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2, output: 4, cachedInput: 0.4 },
    },
    "grok-code-fast-1": {
      input: 1,
      output: 2,
      cachedInput: 0.2,
      longContext: { above: 200_000, input: 2, output: 4, cachedInput: 0.4 },
    },
    "grok-imagine-image": { input: 0, output: 0, image: 0.02 },
    "grok-imagine-image-2.0": { input: 0, output: 0, image: 0.06 },
    "grok-imagine-image-pro": { input: 0, output: 0, image: 0.05 },
    "grok-imagine-image-quality": { input: 0, output: 0, image: 0.05 },
    "grok-voice-transcribe-1.0": { input: 0, output: 0, second: 0.00002778 },
    "grok-voice-transcribe-2.0": { input: 0, output: 0, second: 0.00002778 },
  },
};
