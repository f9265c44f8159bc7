import { isObject } from "../wire/json.ts";
import { oneLine } from "../wire/text.ts";
import type { ProviderFault, StreamFault } from "./types.ts";

/** The HTTP status of each type of error, for errors in streams. Types of OpenAI and of Anthropic. */
const statusOfType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

const longestMessage = 1_000;
/** An error body beyond this, in characters, is not parsed. */
const largestBody = 256 * 1024;

/**
 * Reads an error body of a provider: the shape of OpenAI or Anthropic, Google's in an array, Ollama's bare string,
 * FastAPI's `detail`, a proxy's HTML page, plain text or nothing.
 */
export function readProviderError(status: number, body: string): ProviderFault {
  const text = body.trim();
  if (text === "") return { message: `the provider answered with status ${status} and no explanation` };
  const fault = text.length <= largestBody ? faultOf(parsed(text)) : undefined;
  if (fault) return { message: fault.message, ...(fault.type !== undefined && { type: fault.type }) };
  const start = text.slice(0, 16 * 1024);
  if (!start.startsWith("<")) return { message: oneLine(start, longestMessage) };
  const title = oneLine(/<title[^>]*>([^<]*)/i.exec(start)?.[1] ?? "", longestMessage);
  return {
    message: `the provider answered with status ${status} and a web page${title && `: ${title}`}`,
  };
}

/** Finds the error in parsed JSON; returns undefined where there is none. */
export function faultOf(payload: unknown): StreamFault | undefined {
  const outer = Array.isArray(payload) ? payload[0] : payload;
  if (!isObject(outer)) return undefined;
  if (typeof outer.error === "string" && outer.error !== "")
    return { message: oneLine(outer.error, longestMessage) };
  const isInside = isObject(outer.error) || Array.isArray(outer.error);
  const error = isInside ? (outer.error as Record<string, unknown>) : outer;
  const message = text(error.message) ?? text(outer.message) ?? detailOf(outer.detail);
  if (message === undefined && error === outer) return undefined;
  const type = text(error.type) ?? text(error.code) ?? text(error.status);
  const named = Number(error.code ?? error.status);
  const status = named >= 400 && named <= 599 ? named : type && statusOfType[type];
  return {
    message: oneLine(message ?? JSON.stringify(error), longestMessage),
    ...(type !== undefined && { type: oneLine(type, 100) }),
    ...(status && { status }),
  };
}

/** Reads an error that a provider reports in a stream, also one without a message. */
export function reportedFault(payload: unknown): StreamFault {
  return faultOf(payload) ?? { message: "the provider reported an error" };
}

/** Returns true for a chat chunk, or a whole answer, that is an error. */
export function isChatError(chunk: { error?: unknown; object?: unknown }): boolean {
  return Boolean(chunk.error) || chunk.object === "error";
}

/** Reads FastAPI's `detail`: a sentence, or a list of faults. */
function detailOf(detail: unknown): string | undefined {
  if (!Array.isArray(detail)) return text(detail);
  const faults = detail.filter(isObject).map(({ loc, msg }) => {
    return Array.isArray(loc) ? `${loc.join(".")}: ${msg}` : String(msg);
  });
  return text(faults.join("; "));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
