import { isObject } from "../wire/json.ts";

/** Seconds per unit of a duration: `1m30s`, `250ms`. */
const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 };

const duration = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
const sentence =
  /(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|s|m|h)\s?)+|(\d+(?:\.\d+)?) ?(?:seconds|secs?)\b)/i;

/**
 * Returns the seconds after which a provider allows a retry, from its error: Google's `RetryInfo`
 * (https://cloud.google.com/apis/design/errors#error_details), a field of the error, or a sentence of its message.
 * Returns undefined where it tells none.
 */
export function retryTimeOf(message: string, fields: Readonly<Record<string, unknown>>): number | undefined {
  const details = Array.isArray(fields.details) ? fields.details.filter(isObject) : [];
  const info = details.find((one) => String(one["@type"]).endsWith("RetryInfo"));
  const told = info?.["retryDelay"] ?? fields.retry_after;
  if (typeof told === "number") return told;
  if (typeof told === "string") return secondsOf(told);
  const [, text, seconds] = sentence.exec(message.slice(0, 2_000)) ?? [];
  return seconds === undefined ? secondsOf(text ?? "") : Number(seconds);
}

/** Returns the seconds of a duration such as `6m0s`; undefined for any other text. */
export function secondsOf(text: string): number | undefined {
  const parts = [...text.matchAll(duration)];
  if (parts.length === 0) return undefined;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0);
}
