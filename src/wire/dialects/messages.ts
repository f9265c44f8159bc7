import { isObject } from "../json.ts";
import { sseFrame } from "../sse.ts";
import { requireMessages } from "./chat.ts";
import { anthropicError } from "./errors.ts";
import { anthropicFields } from "./model-fields.ts";
import type { DialectWire } from "./types.ts";
import { noUsage, tokenCount, tokenLimit, type Usage, usageOf, withCounts } from "./usage.ts";

/** Anthropic messages, as far as this program reads or writes them. Providers send more fields, and fewer. */

export interface MessagesUsage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  /** The same, by the time for which they are kept. */
  cache_creation?: {
    ephemeral_5m_input_tokens?: number | null;
    ephemeral_1h_input_tokens?: number | null;
  } | null;
  output_tokens_details?: { thinking_tokens?: number } | null;
  /** Tools that ran at the provider, and are billed by the call. */
  server_tool_use?: { web_search_requests?: number | null } | null;
  service_tier?: string | null;
  /**
   * Each run of the model within one call, such as a compaction. All are billed, and the other counts are of the last one:
   * https://platform.claude.com/docs/en/build-with-claude/compaction
   */
  iterations?: unknown;
}

/** A content block of an answer. More types exist than are named here. */
export interface MessagesBlock {
  type?: string;
  text?: string;
  thinking?: string;
  signature?: string;
  /** The opaque content of `redacted_thinking`. */
  data?: string;
  id?: string;
  name?: string;
  input?: unknown;
  citations?: unknown[] | null;
  /** Of a compaction, or of the result of a tool that the provider runs. */
  content?: unknown;
}

/** The reason of a refusal. */
export interface StopDetails {
  type?: string;
  category?: string | null;
  explanation?: string | null;
}

export interface MessagesAnswer {
  id?: string;
  content?: MessagesBlock[];
  stop_reason?: string | null;
  stop_details?: StopDetails | null;
  usage?: MessagesUsage;
}

/** Any event of a stream. */
export interface MessagesEvent {
  type?: string;
  index?: number;
  message?: MessagesAnswer;
  content_block?: MessagesBlock;
  delta?: {
    type?: string;
    text?: string;
    partial_json?: string;
    thinking?: string;
    signature?: string;
    citation?: unknown;
    content?: unknown;
    stop_reason?: string | null;
    stop_details?: StopDetails | null;
  };
  usage?: MessagesUsage;
  error?: unknown;
}

/** Returns the block that a piece begins where a relay has left its start out (case 204); undefined for pieces of calls. */
export function begunBy({ type }: NonNullable<MessagesEvent["delta"]>): MessagesBlock | undefined {
  if (type === "text_delta") return { type: "text", text: "" };
  return type === "thinking_delta" ? { type: "thinking", thinking: "", signature: "" } : undefined;
}

/** Reads the `usage` of an answer; returns undefined when there is none. Its input tokens exclude the cached ones. */
export function messagesUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const counts = usage as MessagesUsage;
  const told = countsOf(counts);
  const all = Array.isArray(counts.iterations) ? largerOf(told, sumOf(counts.iterations)) : told;
  const searches = tokenCount(counts.server_tool_use?.web_search_requests);
  return searches > 0 ? { ...all, searches } : all;
}

function countsOf(counts: MessagesUsage): Usage {
  const cachedTokens = tokenCount(counts.cache_read_input_tokens);
  const cacheWrite1hTokens = tokenCount(counts.cache_creation?.ephemeral_1h_input_tokens);
  const cacheWriteTokens = Math.max(
    tokenCount(counts.cache_creation_input_tokens),
    cacheWrite1hTokens + tokenCount(counts.cache_creation?.ephemeral_5m_input_tokens),
  );
  const told: Usage = {
    promptTokens: tokenCount(counts.input_tokens) + cachedTokens + cacheWriteTokens,
    completionTokens: tokenCount(counts.output_tokens),
    cachedTokens,
  };
  return cacheWriteTokens > 0 ? withCounts(told, { cacheWriteTokens, cacheWrite1hTokens }) : told;
}

function sumOf(iterations: readonly unknown[]): Usage {
  const sum: Usage = { ...noUsage };
  for (const one of iterations.filter(isObject)) {
    const { promptTokens, completionTokens, cachedTokens, ...written } = countsOf(one);
    sum.promptTokens += promptTokens;
    sum.completionTokens += completionTokens;
    sum.cachedTokens += cachedTokens;
    withCounts(sum, {
      cacheWriteTokens: (sum.cacheWriteTokens ?? 0) + (written.cacheWriteTokens ?? 0),
      cacheWrite1hTokens: (sum.cacheWrite1hTokens ?? 0) + (written.cacheWrite1hTokens ?? 0),
    });
  }
  return sum;
}

/** Returns the usage with the larger prompt, and the larger count of the answer. */
function largerOf(told: Usage, sum: Usage): Usage {
  const larger = sum.promptTokens > told.promptTokens ? sum : told;
  return { ...larger, completionTokens: Math.max(told.completionTokens, sum.completionTokens) };
}

/** The counts of the prompt. */
const promptCounts = [
  "input_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "cache_creation",
] as const;

/** The most counts of a usage. */
const mostCounts = 100;

/**
 * Merges the usage of a stream: counts of `message_delta` replace those of `message_start`. They are cumulative and must
 * never be added up. Some providers send 0 at the end: the larger prompt and the larger output count.
 */
export function mergeMessagesUsage(
  earlier: MessagesUsage,
  later: MessagesUsage | null | undefined,
): MessagesUsage {
  if (!isObject(later)) return earlier;
  const told = Object.entries(later)
    .filter(([, value]) => value !== null)
    .slice(0, mostCounts);
  // Each event of a stream may have counts: with ever new names they would be copied for each of them.
  if (Object.keys(earlier).length > mostCounts) return earlier;
  const merged: MessagesUsage = { ...earlier, ...Object.fromEntries(told) };
  const [before, after] = [messagesUsage(earlier)!, messagesUsage(merged)!];
  if (after.promptTokens < before.promptTokens)
    for (const name of promptCounts) {
      delete merged[name];
      if (name in earlier) Object.assign(merged, { [name]: earlier[name] });
    }
  if (after.completionTokens < before.completionTokens) merged.output_tokens = earlier.output_tokens!;
  return merged;
}

export const messages: DialectWire = {
  checkRequest: requireMessages,
  maxTokens: ({ max_tokens }) => tokenLimit(max_tokens),
  forwardedHeaders: ["anthropic-version", "anthropic-beta"],
  namesEvents: true,
  family: "anthropic",
  errorBody: (error, requestId) => ({
    type: "error",
    error: anthropicError(error),
    request_id: requestId,
  }),
  errorFrames(error, requestId) {
    return sseFrame({ event: "error", data: JSON.stringify(messages.errorBody(error, requestId)) });
  },
  usage: (body) => messagesUsage(usageOf(body)),
  modelEntry: ({ id, displayName = id, createdAt, capabilities }) => ({
    type: "model",
    display_name: displayName,
    created_at: new Date(createdAt).toISOString(),
    ...anthropicFields(capabilities),
  }),
  modelListFields: (models) => ({
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  }),
};
