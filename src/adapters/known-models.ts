import type { Capabilities } from "../kinds/llm-settings.ts";
import { matchesModel } from "./quirks/index.ts";
import type { ModelPattern } from "./quirks/types.ts";

/** One row: the capabilities of the models that match, and the page that states them. */
interface KnownModel extends Capabilities {
  readonly model: ModelPattern;
  readonly source: `https://${string}`;
}

/** The day on which the table was last compared with its sources. */
export const knownModelsAsOf = "2026-11-28";

/** The name of a Claude model, with its version. */
const claude = /claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)/;
/** The name of a GPT model, with its version. */
const gpt = /(?:^|[/:])gpt-(\d{1,2})(?:\.(\d+))?(?![a-z0-9])(?!.*-chat)/;

const anthropic = "https://platform.claude.com/docs/en/about-claude/models/overview";
const openai = "https://developers.openai.com/api/docs/models";
const google = "https://ai.google.dev/gemini-api/docs/models";

const seesAndCalls = { vision: true, tools: true } as const;
const reasons = { ...seesAndCalls, reasoning: true } as const;

/**
 * Models of makers whose lists say little about them. It counts where neither the llm nor its provider says more. Where
 * several rows match, the later one holds.
 */
const rows: readonly KnownModel[] = [
  { model: { name: claude, from: "3" }, ...seesAndCalls, source: anthropic },
  { model: { name: claude, from: "3", before: "4.6" }, contextTokens: 200_000, source: anthropic },
  { model: { name: claude, from: "3.7" }, reasoning: true, source: anthropic },
  {
    model: /(?:^|[/:])gpt-4o(?:-mini)?(?:-20|$)/,
    ...seesAndCalls,
    contextTokens: 128_000,
    maxOutputTokens: 16_384,
    source: openai,
  },
  {
    model: { name: gpt, from: "4.1", before: "4.2" },
    ...seesAndCalls,
    contextTokens: 1_047_576,
    maxOutputTokens: 32_768,
    source: openai,
  },
  {
    model: /(?:^|[/:])(?:o3|o4-mini)(?:-20|$)/,
    ...reasons,
    contextTokens: 200_000,
    maxOutputTokens: 100_000,
    source: openai,
  },
  {
    model: { name: gpt, from: "5", before: "5.6" },
    ...reasons,
    contextTokens: 400_000,
    maxOutputTokens: 128_000,
    source: openai,
  },
  {
    model: /(?:^|[/:])gpt-5\.[45](?:-20|$)/,
    contextTokens: 1_050_000,
    source: openai,
  },
  {
    model: /(?:^|[/:])gemini-(?:2\.5|3(?:\.\d)?)-(?:pro|flash)(?!-(?:image|live|tts|preview-tts|native))/,
    ...reasons,
    contextTokens: 1_048_576,
    maxOutputTokens: 65_536,
    source: google,
  },
];

/** Returns what the built-in table knows of a model; nothing for most models. */
export function knownCapabilities(name: string): Capabilities {
  let known: Capabilities = {};
  for (const { model, source: _, ...capabilities } of rows)
    if (matchesModel(model, name)) known = { ...known, ...capabilities };
  return known;
}
