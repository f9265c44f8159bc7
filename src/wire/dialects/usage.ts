import { isObject } from "../json.ts";

/** Tokens of one call. `cachedTokens` are among `promptTokens`. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
}

/** The usage before anything is known. */
export const noUsage: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };

/** A count as a provider tells it: what is no number counts as none. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** The `usage` of an answer; undefined where it has none. */
export function usageOf(body: unknown): unknown {
  return isObject(body) ? body.usage : undefined;
}

/** A limit of tokens that a request sets; undefined for a value that is no limit. */
export function tokenLimit(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}
