import type { HeaderFields } from "../net/http1/header-lines.ts";
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
  const told = info?.["retryDelay"] ?? fields.retry_after ?? headersIn(fields);
  if (typeof told === "number") return told;
  if (typeof told === "string") return secondsOf(told);
  const [, text, seconds] = sentence.exec(message.slice(0, 2_000)) ?? [];
  return seconds === undefined ? secondsOf(text ?? "") : Number(seconds);
}

/** Reads the headers of its provider that OpenRouter keeps in an error. Returns seconds. */
function headersIn({ metadata }: Readonly<Record<string, unknown>>): number | undefined {
  const headers = isObject(metadata) && isObject(metadata.headers) ? metadata.headers : {};
  return limitResetIn(
    new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), `${value}`])),
  );
}

/** The header of a limit that is used up, which may be one of several: of requests, of tokens, of a minute. */
const remaining = /^((?:x-|anthropic-)?ratelimit-)remaining(-.+)?$/;
/** Anthropic puts the name of the limit first. */
const remainingLast = /^(anthropic-ratelimit-.+-)remaining$/;

/**
 * Returns the seconds until the last limit that is used up is there again, from the headers `…ratelimit-remaining…` and
 * `…ratelimit-reset…` of a provider: a duration, seconds, a time, or a time in seconds or milliseconds since 1970.
 * Returns undefined where they do not tell.
 */
export function limitResetIn(headers: HeaderFields, now = Date.now()): number | undefined {
  let longest: number | undefined;
  for (const [name, value] of headers) {
    if (!name.includes("ratelimit") || Number(value) !== 0) continue;
    const [, start, end = ""] = remaining.exec(name) ?? remainingLast.exec(name) ?? [];
    const seconds = start === undefined ? undefined : resetSeconds(headers.get(`${start}reset${end}`), now);
    if (seconds !== undefined) longest = Math.max(longest ?? 0, seconds);
  }
  return longest;
}

function resetSeconds(value: string | undefined, now: number): number | undefined {
  if (value === undefined || value.trim() === "" || value.length > 100) return undefined;
  const number = Number(value);
  if (Number.isNaN(number)) return secondsOf(value) ?? secondsUntil(Date.parse(value), now);
  if (number > 1e11) return secondsUntil(number, now);
  return number > 1e9 ? secondsUntil(number * 1000, now) : Math.max(0, number);
}

function secondsUntil(time: number, now: number): number | undefined {
  return Number.isNaN(time) ? undefined : Math.max(0, (time - now) / 1000);
}

/** Returns the seconds of a duration such as `6m0s`; undefined for any other text. */
export function secondsOf(text: string): number | undefined {
  const parts = [...text.matchAll(duration)];
  if (parts.length === 0) return undefined;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit!]!, 0);
}
