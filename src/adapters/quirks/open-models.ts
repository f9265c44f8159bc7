import type { QuirkRow } from "./types.ts";

/** Models of other makers, by whatever provider they are called in chat. */
export const openModelQuirks: readonly QuirkRow[] = [
  {
    when: { model: /(?:^|[/:])gpt-oss/ },
    efforts: ["low", "medium", "high"],
    source: "https://lmstudio.ai/models/openai/gpt-oss-120b",
  },
  {
    when: { model: /(?:^|[/:])deepseek-v[4-9]/ },
    efforts: ["low", "medium", "high"],
    source: "https://api-docs.deepseek.com/guides/thinking_mode",
  },
  {
    when: { model: /(?:^|[/:])gemini-[2-9]/ },
    efforts: ["low", "medium", "high"],
    source: "https://ai.google.dev/gemini-api/docs/openai",
  },
];
