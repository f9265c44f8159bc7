import { AppError } from "../../errors.ts";
import { isObject } from "../json.ts";
import { sseFrame } from "../sse.ts";
import { openaiError } from "./errors.ts";
import { openRouterFields } from "./model-fields.ts";
import type { DialectWire } from "./types.ts";
import { largestLimit, tokenCount, type Usage, usageOf } from "./usage.ts";

/** OpenAI chat completions, as far as this program reads or writes them. Providers send more fields, and fewer. */

/** The data of the frame that ends a stream. */
export const doneData = "[DONE]";

export interface ChatUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  prompt_tokens_details?: { cached_tokens?: number; cache_write_tokens?: number } | null;
  completion_tokens_details?: { reasoning_tokens?: number } | null;
  /** DeepSeek's name for cached tokens. */
  prompt_cache_hit_tokens?: number;
}

export interface ChatToolCall {
  id?: string;
  type?: string;
  /** Ollama has sent arguments as an object. */
  function?: { name?: string; arguments?: unknown };
  /** Gemini: the signature of the thought behind the call, which must come back with it. */
  extra_content?: unknown;
}

/** In a stream: a piece of a tool call. */
export interface ChatToolCallDelta extends ChatToolCall {
  index?: number;
}

/** A part of an answer's content. */
export interface ChatPart {
  type?: string;
  text?: string;
  refusal?: string;
  thinking?: string | ChatPart[];
}

/** A message of the assistant, whole or as the delta of a chunk. */
export interface ChatAnswer<ToolCall = ChatToolCall> {
  role?: string;
  /** Mistral sends a list of parts, with its thinking among them. */
  content?: string | ChatPart[] | null;
  refusal?: string | null;
  tool_calls?: ToolCall[] | null;
  /** DeepSeek's field, which most others copied. */
  reasoning_content?: string | null;
  /** The name that vLLM since 0.11 and OpenRouter use for the same. */
  reasoning?: string | null;
  /** OpenRouter: the reasoning with what the provider needs back, such as signatures. */
  reasoning_details?: unknown[] | null;
  /** Anthropic's signed thinking, as this program and LiteLLM write it. */
  thinking_blocks?: unknown[] | null;
  /** Gemini: the signature of the thought. */
  extra_content?: unknown;
}

export interface ChatChoice {
  index?: number;
  message?: ChatAnswer;
  delta?: ChatAnswer<ChatToolCallDelta>;
  finish_reason?: string | null;
  /** vLLM: the stop sequence that ended the answer. */
  stop_reason?: unknown;
  /** OpenRouter: the error that ended the answer. */
  error?: unknown;
}

/** An answer, or a chunk of one. */
export interface ChatCompletion {
  id?: string;
  choices?: ChatChoice[];
  usage?: ChatUsage | null;
  service_tier?: string | null;
  error?: unknown;
}

/** Reads the `usage` of an answer, a chunk or an embeddings answer; returns undefined when there is none. */
export function chatUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const counts = usage as ChatUsage;
  return {
    promptTokens: tokenCount(counts.prompt_tokens),
    completionTokens: tokenCount(counts.completion_tokens),
    cachedTokens: tokenCount(counts.prompt_tokens_details?.cached_tokens ?? counts.prompt_cache_hit_tokens),
  };
}

/** Refuses a request without messages. Throws AppError `invalid_request`. */
export function requireMessages({ messages }: Record<string, unknown>): void {
  if (Array.isArray(messages) && messages.length > 0) return;
  throw new AppError("invalid_request", "messages is required", {
    details: [{ path: "/messages", message: "is required" }],
  });
}

export const chat: DialectWire = {
  checkRequest: requireMessages,
  maxTokens: ({ max_completion_tokens, max_tokens }) => largestLimit(max_completion_tokens, max_tokens),
  forwardedHeaders: [],
  namesEvents: false,
  family: "openai",
  errorBody: (error) => ({ error: openaiError(error) }),
  // OpenAI's SDKs throw for a chunk with `error`; [DONE] ends the stream for clients that ignore it.
  errorFrames(error, requestId) {
    const data = JSON.stringify(chat.errorBody(error, requestId));
    return sseFrame({ data }) + sseFrame({ data: doneData });
  },
  usage: (body) => chatUsage(usageOf(body)),
  modelEntry: ({ id, createdAt, ownedBy, capabilities }) => ({
    id,
    object: "model",
    created: Math.floor(createdAt / 1000),
    owned_by: ownedBy,
    ...openRouterFields(capabilities),
  }),
  modelList: (data) => ({ object: "list", data }),
};
