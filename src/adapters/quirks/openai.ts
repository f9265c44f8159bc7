import type { QuirkRow } from "./types.ts";

/** The name of a GPT model, with its version: `gpt-5.6-sol`, `ft:gpt-5-mini`. */
const gpt = /(?:^|[/:])gpt-(\d{1,2})(?:\.(\d+))?(?![a-z0-9])/;

const reasoning = "https://developers.openai.com/api/docs/guides/reasoning";

/** Models that always reason: they take no sampling, and their limit has another name. */
const reasoner = { sampling: false, limitField: "max_completion_tokens" } as const;

/** OpenAI itself, and its models wherever they are called in chat. */
export const openaiQuirks: readonly QuirkRow[] = [
  {
    // Elsewhere it may be missing: the first refusal teaches that.
    when: { type: "openai" },
    takes: ["responses", "input_tokens"],
    source: "https://developers.openai.com/api/docs/guides/migrate-to-responses",
  },
  {
    when: { type: "openai", host: "api.openai.com" },
    laterSystem: true,
    openaiFields: true,
    prefersResponses: true,
    source: "https://developers.openai.com/api/docs/guides/text",
  },
  {
    when: { type: "azure" },
    takes: ["responses"],
    laterSystem: true,
    openaiFields: true,
    prefersResponses: true,
    source: "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/responses",
  },
  {
    when: { model: /(?:^|[/:])(?:gpt-5|o\d)[\w.-]*-(?:codex|pro|deep-research)(?![a-z0-9])/ },
    responsesOnly: true,
    source: "https://developers.openai.com/api/docs/models/gpt-5-pro",
  },
  {
    when: { model: /(?:^|[/:])gpt-4o(?![a-z0-9])/ },
    maxOutputTokens: 16_384,
    source: "https://developers.openai.com/api/docs/models/gpt-4o",
  },
  {
    when: { model: /(?:^|[/:])gpt-4\.1(?![a-z0-9])/ },
    maxOutputTokens: 32_768,
    source: "https://developers.openai.com/api/docs/models/gpt-4.1",
  },
  {
    when: { model: /(?:^|[/:])o\d(?![a-z0-9])/ },
    ...reasoner,
    efforts: ["low", "medium", "high"],
    source: reasoning,
  },
  {
    when: { model: { name: gpt, from: "5" } },
    ...reasoner,
    efforts: ["low", "medium", "high"],
    source: reasoning,
  },
  {
    // It does not reason.
    when: { model: /(?:^|[/:])gpt-5-chat(?![a-z0-9])/ },
    sampling: true,
    source: "https://developers.openai.com/api/docs/models/gpt-5-chat-latest",
  },
  {
    when: { model: { name: gpt, from: "5.1" } },
    effortNone: true,
    source: "https://developers.openai.com/api/docs/models/gpt-5.1",
  },
  {
    when: { model: /(?:^|[/:])gpt-\d[\d.]*(?:-[\w.]+)*-(?:codex|pro)(?![a-z0-9])/ },
    effortNone: false,
    source: "https://developers.openai.com/api/docs/models/gpt-5.3-codex",
  },
  {
    when: { model: { name: gpt, from: "5.2" } },
    efforts: ["low", "medium", "high", "xhigh"],
    source: "https://developers.openai.com/api/docs/models/gpt-5.2",
  },
  {
    when: { host: "api.openai.com", model: { name: gpt, from: "5.4" } },
    effortWithTools: false,
    source: "https://developers.openai.com/api/docs/guides/reasoning",
  },
  {
    when: { model: { name: gpt, from: "5.6" } },
    efforts: ["low", "medium", "high", "xhigh", "max"],
    reasonsByDefault: true,
    source: "https://developers.openai.com/api/docs/models/gpt-5.6-sol",
  },
];
