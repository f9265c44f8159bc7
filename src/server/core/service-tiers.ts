import type { Usage } from "../../wire/dialects/usage.ts";

/** A service of a provider that costs more than the usual one. */
export type DearTier = NonNullable<Usage["tier"]>;

/**
 * The most that a service costs, in times of the usual price, by type of llm:
 * https://developers.openai.com/api/docs/pricing, https://platform.claude.com/docs/en/build-with-claude/fast-mode
 */
const factors: Readonly<Record<string, Partial<Record<DearTier, number>>>> = {
  openai: { priority: 2 },
  anthropic: { fast: 6 },
};

/** Returns the dearer service that a request asks for, in the fields of any dialect; undefined for the usual one. */
export function dearTier({ service_tier, speed }: Record<string, unknown>): DearTier | undefined {
  if (service_tier === "priority" || service_tier === "fast") return "priority";
  return speed === "fast" ? "fast" : undefined;
}

/** Returns how many times the usual price an llm of a type costs with a service. */
export function tierFactor(type: string, tier: DearTier | undefined): number {
  return (tier && factors[type]?.[tier]) ?? 1;
}
