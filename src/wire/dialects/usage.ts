import { isObject } from "../json.ts";

/** Tokens of one call, and other units that a provider bills. A count that is left out is 0. */
export interface Usage {
  promptTokens: number;
  /** Tokens of reasoning are among them. */
  completionTokens: number;
  /** Read from the provider's cache; among `promptTokens`. */
  cachedTokens: number;
  /** Written to the provider's cache; among `promptTokens`, and apart from `cachedTokens`. */
  cacheWriteTokens?: number;
  /** Those of `cacheWriteTokens` that are kept for an hour. */
  cacheWrite1hTokens?: number;
  /** Among `promptTokens`. */
  audioInputTokens?: number;
  /** Among `completionTokens`. */
  audioOutputTokens?: number;
  /** Among `promptTokens`. */
  imageInputTokens?: number;
  /** Among `completionTokens`. */
  imageOutputTokens?: number;
  /** Images of the answer. */
  images?: number;
  /** Seconds of audio. */
  seconds?: number;
  /** Characters that are spoken. */
  characters?: number;
  /** Searches of a rerank, or of the web. */
  searches?: number;
  /** Searches of files at the provider. */
  fileSearches?: number;
  /** Containers at the provider in which code ran. */
  containers?: number;
  /** Set where this server has counted these units itself: the provider may bill tokens instead. */
  countedHere?: true;
  /** A service that the request asks for, and that costs more than the usual one. */
  tier?: "priority" | "fast";
}

/** The usage before anything is known. */
export const noUsage: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };

/** Returns a count that a provider sent, as a whole number; 0 for anything that is not a number above 0. */
export function tokenCount(value: unknown): number {
  return Math.round(positive(value));
}

function positive(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

/** The counts of a usage that are left out where they are 0. */
type Counts = Omit<Usage, "promptTokens" | "completionTokens" | "cachedTokens" | "countedHere" | "tier">;

/** Returns the counts that are above 0. */
export function presentCounts(counts: Partial<Record<keyof Counts, unknown>>): Counts {
  return withCounts<Counts>({}, counts);
}

/** Adds the counts that are above 0 to a usage, and returns it. Runs for every call, so it makes no lists of fields. */
export function withCounts<To extends Counts>(usage: To, counts: Partial<Record<keyof Counts, unknown>>): To {
  const added: Counts = usage;
  for (const name in counts) {
    // Seconds have fractions.
    const count = positive(counts[name as keyof Counts]);
    if (count > 0) added[name as keyof Counts] = count;
  }
  return usage;
}

/** Returns the `usage` of an answer; undefined where it has none. */
export function usageOf(body: unknown): unknown {
  return isObject(body) ? body.usage : undefined;
}

/** Returns a limit of tokens that a request sets; undefined for a value that is no limit. */
export function tokenLimit(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}

/** Returns the largest of several limits of tokens: which of them a provider heeds is its own choice. */
export function largestLimit(...values: readonly unknown[]): number | undefined {
  let largest: number | undefined;
  for (const value of values) {
    const limit = tokenLimit(value);
    if (limit !== undefined && (largest === undefined || limit > largest)) largest = limit;
  }
  return largest;
}
