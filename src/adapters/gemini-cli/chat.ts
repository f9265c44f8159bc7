import type { ChatUsage } from "../../wire/dialects/chat.ts";
import { sseFrame } from "../../wire/sse.ts";
import type { GeminiStats } from "./events.ts";

/** The fields that all chunks of one answer repeat. */
export interface ChatHead {
  id: string;
  /** Seconds since 1970. */
  created: number;
  model: string;
}

/** Returns a whole answer in OpenAI's shape. */
export function chatCompletion(head: ChatHead, text: string, reason: string, usage: ChatUsage): object {
  const message = { role: "assistant", content: text, refusal: null };
  return {
    ...completion(head, "chat.completion"),
    choices: [{ index: 0, message, logprobs: null, finish_reason: reason }],
    usage,
  };
}

/** Returns the frame of a piece of text. The first one names the role. */
export function textFrame(head: ChatHead, text: string, isFirst: boolean): string {
  return chunkFrame(head, { ...(isFirst && { role: "assistant" }), content: text }, null);
}

/** Returns the frames that end a stream: the finish reason, the usage and `[DONE]`. */
export function lastFrames(head: ChatHead, reason: string, usage: ChatUsage): string {
  const cost = { ...completion(head, "chat.completion.chunk"), choices: [], usage };
  return (
    chunkFrame(head, {}, reason) + sseFrame({ data: JSON.stringify(cost) }) + sseFrame({ data: "[DONE]" })
  );
}

/** Returns the usage of a run in OpenAI's shape: thoughts count as tokens of the completion. */
export function usageOf(stats: GeminiStats | null | undefined): ChatUsage & { completion_tokens: number } {
  const prompt = count(stats?.input_tokens);
  const output = count(stats?.output_tokens);
  const completion = Math.max(output, count(stats?.total_tokens) - prompt);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: count(stats?.cached) },
    completion_tokens_details: { reasoning_tokens: completion - output },
  };
}

function count(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

function completion({ id, created, model }: ChatHead, object: string): object {
  return { id, object, created, model };
}

function chunkFrame(head: ChatHead, delta: object, reason: string | null): string {
  const chunk = {
    ...completion(head, "chat.completion.chunk"),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
  };
  return sseFrame({ data: JSON.stringify(chunk) });
}
