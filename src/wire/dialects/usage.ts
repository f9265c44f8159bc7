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
