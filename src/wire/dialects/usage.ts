/** Tokens of one call. `cachedTokens` are among `promptTokens`. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
}

/** A count as a provider tells it: what is no number counts as none. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
