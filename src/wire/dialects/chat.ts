import { AppError } from "../../errors.ts";
import { isObject } from "../json.ts";
import { sseFrame } from "../sse.ts";
import { openaiError } from "./errors.ts";
import { openRouterFields } from "./model-fields.ts";
import type { DialectWire } from "./types.ts";
import { largestLimit, tokenCount, type Usage, usageOf, withCounts } from "./usage.ts";

/** OpenAI chat completions, as far as this program reads or writes them. Providers send more fields, and fewer. */

/** The data of the frame that ends a stream. */
export const doneData = "[DONE]";

export interface ChatUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  prompt_tokens_details?: {
    cached_tokens?: number;
    cache_write_tokens?: number;
    audio_tokens?: number;
    image_tokens?: number;
  } | null;
  completion_tokens_details?: {
    reasoning_tokens?: number;
    audio_tokens?: number;
    image_tokens?: number;
  } | null;
  /** The names of images and transcriptions. */
  input_tokens?: number;
  output_tokens?: number;
  input_tokens_details?: ChatUsage["prompt_tokens_details"];
  input_token_details?: ChatUsage["prompt_tokens_details"];
  output_tokens_details?: ChatUsage["completion_tokens_details"];
  /** Of a transcription that is billed by its length. */
  seconds?: number;
  /** DeepSeek's name for cached tokens. */
  prompt_cache_hit_tokens?: number;
  /** Kimi's. */
  cached_tokens?: number;
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
  /** The form of a call before there were tools. Some servers of models still have it. */
  function_call?: unknown;
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
  /** OpenRouter: images that the model made. */
  images?: unknown;
  /** Speech of the model, with what it says. */
  audio?: unknown;
}

export interface ChatChoice {
  index?: number;
  message?: ChatAnswer;
  delta?: ChatAnswer<ChatToolCallDelta>;
  /** Of completions, which some servers send for chat. */
  text?: unknown;
  finish_reason?: string | null;
  /** vLLM: the stop sequence that ended the answer. */
  stop_reason?: unknown;
  /** OpenRouter: the error that ended the answer. */
  error?: unknown;
  /** Kimi: the usage of a stream. */
  usage?: unknown;
}

/** An answer, or a chunk of one. */
export interface ChatCompletion {
  id?: string;
  choices?: ChatChoice[];
  usage?: ChatUsage | null;
  x_groq?: unknown;
  service_tier?: string | null;
  error?: unknown;
}

/**
 * Reads the `usage` of an answer, a chunk or an embeddings answer; returns undefined when there is none. Gemini and xAI
 * count reasoning only in the total: https://docs.x.ai/docs/guides/reasoning
 */
export function chatUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const counts = usage as ChatUsage;
  const prompt = counts.prompt_tokens_details ?? counts.input_tokens_details ?? counts.input_token_details;
  const completion = counts.completion_tokens_details ?? counts.output_tokens_details;
  const promptTokens = tokenCount(counts.prompt_tokens ?? counts.input_tokens);
  const named = tokenCount(counts.completion_tokens ?? counts.output_tokens);
  const unnamed = tokenCount(counts.total_tokens) - promptTokens - named;
  const cachedTokens = tokenCount(
    prompt?.cached_tokens ?? counts.prompt_cache_hit_tokens ?? counts.cached_tokens,
  );
  // If nothing names the rest of the total, it may only be the cached tokens that the prompt lacks.
  const isReasoning =
    tokenCount(completion?.reasoning_tokens) > 0 || (promptTokens > 0 && cachedTokens === 0);
  const told: Usage = {
    promptTokens,
    completionTokens: named > 0 && unnamed > 0 && isReasoning ? named + unnamed : named,
    cachedTokens,
  };
  if (!prompt && !completion && counts.seconds === undefined) return told;
  return withCounts(told, {
    cacheWriteTokens: prompt?.cache_write_tokens,
    audioInputTokens: prompt?.audio_tokens,
    imageInputTokens: prompt?.image_tokens,
    audioOutputTokens: completion?.audio_tokens,
    imageOutputTokens: completion?.image_tokens,
    seconds: counts.seconds,
  });
}

/** Returns the usage of a chunk, also where Groq and Kimi put it. */
export function chunkUsage({ usage, x_groq, choices }: ChatCompletion): ChatUsage | undefined {
  if (isObject(usage)) return usage;
  if (isObject(x_groq) && isObject(x_groq["usage"])) return x_groq["usage"];
  const inside = Array.isArray(choices) ? choices[0]?.usage : undefined;
  return isObject(inside) ? inside : undefined;
}

/**
 * Merges two reports of one stream. They are cumulative and must never be added up; some providers send 0 at the end. The
 * larger prompt and the larger completion count, each with its details; of equal ones the later.
 */
export function mergeChatUsage(earlier: ChatUsage | undefined, later: ChatUsage): ChatUsage {
  const [before, after] = [chatUsage(earlier), chatUsage(later)!];
  if (!earlier || !before) return later;
  const { total_tokens: _, ...merged } = later;
  if (after.promptTokens < before.promptTokens) {
    const { prompt_tokens, prompt_tokens_details, prompt_cache_hit_tokens, cached_tokens } = earlier;
    Object.assign(merged, { prompt_tokens, prompt_tokens_details, prompt_cache_hit_tokens, cached_tokens });
  }
  if (after.completionTokens < before.completionTokens) {
    const { completion_tokens, completion_tokens_details } = earlier;
    Object.assign(merged, { completion_tokens, completion_tokens_details });
  }
  const total = Math.max(tokenCount(earlier.total_tokens), tokenCount(later.total_tokens));
  return total > 0 ? { ...merged, total_tokens: total } : merged;
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
  modelListFields: () => ({ object: "list" }),
};
