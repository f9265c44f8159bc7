import type { AppError } from "../../errors.ts";

/** The types of errors that OpenAI and Anthropic have, by HTTP status. */

const openai: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "insufficient_quota",
  403: "permission_error",
  404: "not_found_error",
  409: "conflict_error",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

const anthropic: Readonly<Record<number, string>> = {
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
const anthropicTypes = new Set([...Object.values(anthropic), "invalid_request_error", "api_error"]);

/** Returns OpenAI's `type` of an error. Its set is open, so the provider's own type goes first. */
export function openaiErrorType(status: number, own?: string): string {
  return own ?? openai[status] ?? (status < 500 ? "invalid_request_error" : "server_error");
}

/** Returns Anthropic's `type` of an error: the provider's own type where it is one of Anthropic's. */
export function anthropicErrorType(status: number, own?: string): string {
  if (own !== undefined && anthropicTypes.has(own)) return own;
  return anthropic[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
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
