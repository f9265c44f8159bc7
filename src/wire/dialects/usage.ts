import { isObject } from "../json.ts";

/** Tokens of one call. `cachedTokens` are among `promptTokens`. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
}

/** The usage before anything is known. */
export const noUsage: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };

/** Returns a count that a provider sent; 0 for anything that is not a number. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" ? value : 0;
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
  const limits = values.map(tokenLimit).filter((limit) => limit !== undefined);
  return limits.length > 0 ? Math.max(...limits) : undefined;
}
