import { readProviderError } from "./provider-fault.ts";
import type { Adapter } from "./types.ts";

/** OpenAI, and providers with the same API. */
export const openai: Adapter = {
  types: ["openai", "deepseek", "vllm", "ollama"],
  dialect: "chat",
  defaultUrls: { openai: "https://api.openai.com", deepseek: "https://api.deepseek.com" },
  operations: ["chat", "embeddings"],
  optional: ["responses"],
  headers(apiKey): Record<string, string> {
    return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  },
  readError: readProviderError,
};
