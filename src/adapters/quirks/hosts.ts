import type { QuirkRow } from "./types.ts";

/** Providers whose addresses or credentials differ from OpenAI's, whatever the model is. */
export const hostQuirks: readonly QuirkRow[] = [
  {
    when: { type: "azure" },
    keyHeader: "api-key",
    source: "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/reference",
  },
  {
    when: { host: "api.perplexity.ai" },
    unversioned: true,
    source: "https://docs.perplexity.ai/api-reference/chat-completions-post",
  },
  {
    when: { host: "models.github.ai" },
    unversioned: true,
    source: "https://docs.github.com/en/rest/models/inference",
  },
  {
    when: { host: /(?:^|-)aiplatform\.googleapis\.com$/ },
    unversioned: true,
    source: "https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai",
  },
];
