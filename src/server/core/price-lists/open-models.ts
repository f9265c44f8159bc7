import type { PriceList } from "./types.ts";

/** Prices of DeepSeek at peak hours; other hours cost half. */
export const deepseekPrices: PriceList = {
  type: "deepseek",
  source: "https://api-docs.deepseek.com/quick_start/pricing",
  models: {
    "deepseek-chat": { input: 0.28, output: 0.42, cachedInput: 0.028 },
    "deepseek-flash": { input: 0.3, output: 1.2, cachedInput: 0.006 },
    "deepseek-reasoner": { input: 0.28, output: 0.42, cachedInput: 0.028 },
    "deepseek-v4-flash": { input: 0.3, output: 1.2, cachedInput: 0.006 },
    "deepseek-v4-flash-vision-exp": { input: 0.3, output: 1.2, cachedInput: 0.006 },
    "deepseek-v4-pro": { input: 1.32, output: 3.96, cachedInput: 0.044 },
  },
};

/** Prices of Groq. */
export const groqPrices: PriceList = {
  type: "groq",
  source: "https://groq.com/pricing",
  models: {
    "canopylabs/orpheus-arabic-saudi": { input: 0, output: 0, character: 40 },
    "canopylabs/orpheus-v1-english": { input: 0, output: 0, character: 22 },
    "llama-3.1-8b-instant": { input: 0.05, output: 0.08 },
    "llama-3.3-70b-versatile": { input: 0.59, output: 0.79 },
    "meta-llama/llama-prompt-guard-2-22m": { input: 0.03, output: 0.03 },
    "meta-llama/llama-prompt-guard-2-86m": { input: 0.04, output: 0.04 },
    "openai/gpt-oss-120b": { input: 0.15, output: 0.6, cachedInput: 0.075 },
    "openai/gpt-oss-20b": { input: 0.075, output: 0.3, cachedInput: 0.0375 },
    "openai/gpt-oss-safeguard-20b": { input: 0.075, output: 0.3, cachedInput: 0.037 },
    "qwen/qwen3.8-27b": { input: 0.8, output: 4 },
    "whisper-large-v3": { input: 0, output: 0, second: 0.00003083 },
    "whisper-large-v3-turbo": { input: 0, output: 0, second: 0.00001111 },
  },
};

/** Prices of Cerebras. */
export const cerebrasPrices: PriceList = {
  type: "cerebras",
  source: "https://www.cerebras.ai/pricing",
  models: {
    "gpt-oss-120b": { input: 0.35, output: 0.75 },
    "llama-3.1-70b": { input: 0.6, output: 0.6 },
    "llama-3.1-8b": { input: 0.1, output: 0.1 },
    "llama-3.3-70b": { input: 0.85, output: 1.2 },
    "llama3.1-8b": { input: 0.1, output: 0.1 },
    "qwen-3-32b": { input: 0.4, output: 0.8 },
    "qwen-3.8-27b": { input: 0.99, output: 1.49 },
  },
};

/** Prices of Kimi. */
export const moonshotPrices: PriceList = {
  type: "moonshot",
  source: "https://platform.moonshot.ai/docs/pricing/chat",
  models: {
    "kimi-k2.5": { input: 0.6, output: 3, cachedInput: 0.1 },
    "kimi-k2.6": { input: 0.95, output: 4, cachedInput: 0.16 },
    "kimi-k2.7-code": { input: 0.95, output: 4, cachedInput: 0.19 },
    "kimi-k3": { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3, cacheWrite1h: 6 },
    "kimi-k3.1-pro": { input: 2, output: 10, cachedInput: 0.2, cacheWrite: 2, cacheWrite1h: 4 },
    "kimi-k3.1-pro-highspeed": { input: 4, output: 20, cachedInput: 0.2, cacheWrite: 4, cacheWrite1h: 8 },
  },
};

/** Prices of GLM. */
export const zaiPrices: PriceList = {
  type: "zai",
  source: "https://docs.z.ai/guides/overview/pricing",
  models: {
    "glm-4-32b-0414-128k": { input: 0.1, output: 0.1 },
    "glm-4.5": { input: 0.6, output: 2.2 },
    "glm-4.5-air": { input: 0.2, output: 1.1 },
    "glm-4.5-airx": { input: 1.1, output: 4.5 },
    "glm-4.5-x": { input: 2.2, output: 8.9 },
    "glm-4.5v": { input: 0.6, output: 1.8 },
    "glm-4.6": { input: 0.6, output: 2.2, cachedInput: 0.11 },
    "glm-4.7": { input: 0.6, output: 2.2, cachedInput: 0.11 },
    "glm-5": { input: 1, output: 3.2, cachedInput: 0.2 },
    "glm-5-code": { input: 1.2, output: 5, cachedInput: 0.3 },
    "glm-5.1": { input: 1.4, output: 4.4, cachedInput: 0.26 },
    "glm-5.2": { input: 1.4, output: 4.4, cachedInput: 0.26 },
    "glm-5.3": { input: 1.4, output: 4.4, cachedInput: 0.26 },
    "glm-5.3-flash": { input: 0.15, output: 0.5, cachedInput: 0.03 },
    "glm-5v-turbo": { input: 1.2, output: 4, cachedInput: 0.24 },
  },
};
