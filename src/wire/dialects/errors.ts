import type { AppError, ErrorMeaning, ProviderError } from "../../errors.ts";

/** The types of errors that OpenAI and Anthropic have, by HTTP status. */

const openaiTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "insufficient_quota",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

const anthropicTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** Anthropic's types are a closed set: its SDKs list them. */
const anthropicTypeSet = new Set([...Object.values(anthropicTypes), "invalid_request_error", "api_error"]);

/** Returns the fields that a provider of the same family sent; none for an error of another origin. */
function ownFields(
  { provider }: AppError,
  family: ProviderError["family"],
): Readonly<Record<string, unknown>> {
  return provider?.family === family ? provider.fields : {};
}

/** OpenAI's codes for what an error means: https://developers.openai.com/api/docs/guides/error-codes */
const openaiCodes: Readonly<Record<ErrorMeaning["is"], string | undefined>> = {
  overflow: "context_length_exceeded",
  quota: "insufficient_quota",
  no_model: "model_not_found",
  moderation: "content_policy_violation",
  sealed_elsewhere: "invalid_encrypted_content",
  credential: undefined,
  unsupported_input: undefined,
};

/** Returns OpenAI's code of a provider's error: the provider's own, or the one that says the same; undefined for none. */
export function providerCode(error: AppError): string | undefined {
  const { code } = ownFields(error, "openai");
  const meant = error.provider?.meaning && openaiCodes[error.provider.meaning.is];
  // Clients act on the code of a full context; a number, or a type in its place, tells them nothing (case 170).
  const isSaying = typeof code === "string" && !/^\d+$|^invalid_\w+_error$/.test(code);
  return (isSaying ? undefined : meant) ?? (typeof code === "string" ? code : meant);
}

/** Returns the error object of OpenAI's dialects. Their types and codes are open sets: the provider's own go first. */
export function openaiError(error: AppError): {
  message: string;
  type: string;
  code: unknown;
  param: unknown;
} {
  const { status, provider } = error;
  const own = ownFields(error, "openai");
  const ownCode = own.code === undefined ? error.code : own.code;
  return {
    ...own,
    message: messageOf(error),
    type: provider?.type ?? openaiTypes[status] ?? (status < 500 ? "invalid_request_error" : "server_error"),
    code: providerCode(error) ?? ownCode,
    param: own.param ?? parameterOf(error),
  };
}

/**
 * Returns the error object of Anthropic's dialect. Its types are a closed set: the provider's own type is kept where it
 * is one of them.
 */
export function anthropicError(error: AppError): { type: string; message: string } {
  const { status, provider } = error;
  const own = provider?.type !== undefined && anthropicTypeSet.has(provider.type) ? provider.type : undefined;
  // Others say "api_error" or "invalid_request_error" at every status.
  const isPlain =
    provider?.family !== "anthropic" && (own === "api_error" || own === "invalid_request_error");
  return {
    ...ownFields(error, "anthropic"),
    type:
      (isPlain ? undefined : own) ??
      anthropicTypes[status] ??
      (status < 500 ? "invalid_request_error" : "api_error"),
    message: overflowMessage(error) ?? messageOf(error),
  };
}

/**
 * Returns the sentence by which Claude Code knows that a request did not fit, so that it compacts the conversation or
 * asks for a shorter answer: https://platform.claude.com/docs/en/build-with-claude/context-windows. Another provider's
 * own sentence follows. Returns undefined for every other error, and for Anthropic's own.
 */
function overflowMessage(error: AppError): string | undefined {
  const { family, meaning } = error.provider ?? {};
  if (meaning?.is !== "overflow" || family === "anthropic") return undefined;
  const { prompt, output, limit } = meaning;
  const isOutput = prompt !== undefined && output !== undefined && limit !== undefined && prompt < limit;
  const sentence = isOutput
    ? `input length and \`max_tokens\` exceed context limit: ${prompt} + ${output} > ${limit}, decrease input length or \`max_tokens\` and try again`
    : `prompt is too long${prompt !== undefined && limit !== undefined ? `: ${prompt} tokens > ${limit} maximum` : ""}`;
  const words = messageOf(error);
  return words.includes(sentence) && words.startsWith(sentence.slice(0, 6))
    ? words
    : `${sentence} (${words})`;
}

/** Returns the message of an error with its hint: SDKs show the message only. */
export function messageOf({ message, hint }: AppError): string {
  return hint ? `${message} (${hint})` : message;
}

/** Returns the name of the field that an error is about, OpenAI's `param`; null where it is about none. */
export function parameterOf({ details }: AppError): string | null {
  const path = details?.[0]?.path;
  return path ? fieldName(path) : null;
}

/** Returns a JSON pointer as people write it: `/messages/0/content` is `messages[0].content`. */
export function fieldName(path: string): string {
  return path
    .slice(1)
    .replace(/\/(\d+)(?=\/|$)/g, "[$1]")
    .replaceAll("/", ".");
}
