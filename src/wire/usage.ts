/** Tokens of one call. `cachedTokens` are among `promptTokens`. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
}
