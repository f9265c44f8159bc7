import type { Quirks } from "../../adapters/quirks/types.ts";
import { AppError } from "../../errors.ts";
import type { Capabilities } from "../../kinds/llm-settings.ts";
import type { ParsedRequest } from "./request.ts";
import { tokensOfRequest } from "./request-tokens.ts";

/** Returns quirks with the known limit of an answer, if that is lower. */
export function withOutputLimit(quirks: Quirks, { maxOutputTokens }: Capabilities): Quirks {
  if (maxOutputTokens === undefined) return quirks;
  if (quirks.maxOutputTokens !== undefined && quirks.maxOutputTokens <= maxOutputTokens) return quirks;
  return { ...quirks, maxOutputTokens, limitsNative: true };
}

/**
 * Returns an error with the numbers that clients look for, where a request did not fit and its provider told none: the
 * llm's context, and the estimated size of the request, which was larger than the context in any case.
 */
export function withContextLimit(
  error: AppError,
  { contextTokens }: Capabilities,
  request: Pick<ParsedRequest, "text" | "body" | "long">,
): AppError {
  const { provider, code, message, hint, details, retryAfter, status, cause } = error;
  const { meaning } = provider ?? {};
  if (!provider || meaning?.is !== "overflow" || meaning.limit !== undefined || contextTokens === undefined)
    return error;
  const prompt = meaning.prompt ?? Math.max(tokensOfRequest(request).all, contextTokens + 1);
  return new AppError(code, message, {
    status,
    cause,
    ...(hint !== undefined && { hint }),
    ...(details !== undefined && { details }),
    ...(retryAfter !== undefined && { retryAfter }),
    provider: { ...provider, meaning: { ...meaning, prompt, limit: contextTokens } },
  });
}
