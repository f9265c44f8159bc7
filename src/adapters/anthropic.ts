import { defaultUrlsOf, typesOf } from "../kinds/provider-types.ts";
import { readProviderError } from "./provider-fault.ts";
import type { Adapter } from "./types.ts";

export const anthropic: Adapter = {
  types: typesOf("anthropic"),
  dialect: "messages",
  defaultUrls: defaultUrlsOf("anthropic"),
  operations: ["messages", "count_tokens"],
  headers(apiKey): Record<string, string> {
    return {
      "anthropic-version": "2023-06-01",
      ...(apiKey !== undefined && { "x-api-key": apiKey }),
    };
  },
  readError: readProviderError,
};
