import type { QuirkRow } from "./types.ts";

/** The name of a Claude model, with its version: `claude-opus-4-6`, `claude-3-5-haiku-20241022`. */
const name = /claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)/;
const type = "anthropic";

const models = "https://platform.claude.com/docs/en/about-claude/models/overview";
const effort = "https://platform.claude.com/docs/en/build-with-claude/effort";

/** Claude models at Anthropic's API. `maxOutputTokens` is what every model of a version gives. */
export const claudeQuirks: readonly QuirkRow[] = [
  {
    when: { host: "api.anthropic.com" },
    billingLine: true,
    source: "https://github.com/anthropics/claude-code/issues/68900",
  },
  { when: { type, model: { name } }, maxOutputTokens: 4_096, source: models },
  { when: { type, model: { name, from: "3.5", before: "3.6" } }, maxOutputTokens: 8_192, source: models },
  { when: { type, model: { name, from: "3.7", before: "3.8" } }, maxOutputTokens: 64_000, source: models },
  { when: { type, model: { name, from: "4", before: "4.5" } }, maxOutputTokens: 32_000, source: models },
  { when: { type, model: { name, from: "4.5" } }, maxOutputTokens: 64_000, source: models },
  {
    when: { type, model: { name, before: "4.5" } },
    outputFormat: false,
    source: "https://platform.claude.com/docs/en/build-with-claude/structured-outputs",
  },
  {
    when: { type, model: { name, from: "4.6" } },
    adaptiveThinking: true,
    source: "https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking",
  },
  {
    when: { type, model: { name, from: "4.6" } },
    efforts: ["low", "medium", "high", "max"],
    source: effort,
  },
  {
    when: { type, model: { name, from: "4.7" } },
    efforts: ["low", "medium", "high", "xhigh", "max"],
    source: effort,
  },
  {
    when: { type, model: { name, from: "4.8" } },
    laterSystem: true,
    source: "https://platform.claude.com/docs/en/build-with-claude/working-with-messages",
  },
  {
    when: { type, model: { name, from: "4.7" } },
    sampling: false,
    source: "https://platform.claude.com/docs/en/about-claude/models/migration-guide",
  },
];
