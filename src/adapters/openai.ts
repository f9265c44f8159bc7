import { defaultUrlsOf, typesOf } from "../kinds/provider-types.ts";
import { isPassed, operationNames } from "../wire/dialects/operations.ts";
import { readProviderError } from "./provider-fault.ts";
import type { Adapter } from "./types.ts";

/** OpenAI, and providers with the same API. */
export const openai: Adapter = {
  types: typesOf("openai"),
  dialect: "chat",
  defaultUrls: defaultUrlsOf("openai"),
  operations: ["chat", "embeddings", ...operationNames.filter(isPassed)],
  optional: ["responses", "input_tokens"],
  headers(apiKey, { keyHeader }): Record<string, string> {
    if (apiKey === undefined) return {};
    return keyHeader === undefined ? { authorization: `Bearer ${apiKey}` } : { [keyHeader]: apiKey };
  },
  readError: readProviderError,
};
