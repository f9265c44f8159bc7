import {
  type ChatChoice,
  type ChatCompletion,
  type ChatToolCall,
  chatUsage,
} from "../../../wire/dialects/chat.ts";
import type { MessagesBlock, MessagesUsage, StopDetails } from "../../../wire/dialects/messages.ts";
import { noUsage, tokenCount } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { readCompletion, textAndThinking } from "../chat-answer.ts";
import type { Fields } from "../request-fields.ts";
import { toolInput } from "../tool-arguments.ts";
import { callerNames, fittingId } from "../tool-names.ts";
import { toolNames } from "./tools.ts";

/**
 * The signature of thinking that a chat provider sent as `reasoning_content`. When the conversation comes back, it shows
 * that the thinking goes back under that name.
 */
export const reasoningSignature = "reasoning_content";

/**
 * Translates a chat completion to Anthropic's answer.
 *
 * @param model The name by which the caller called the model.
 * @param request The caller's request.
 * @throws AppError `provider_error`
 */
export function messagesAnswer(body: unknown, model: string, request: Fields = {}): Record<string, unknown> {
  const { completion, choice, message } = readCompletion(body);
  const { tool_calls } = message;
  const id = messageId(completion.id);
  const nameOf = callerNames(toolNames(request));
  const calls = (Array.isArray(tool_calls) ? tool_calls : []).filter(isObject);
  const { text, thinking, refusal } = textAndThinking(message);
  const blocks: MessagesBlock[] = [
    ...(thinking ? [{ type: "thinking", thinking, signature: reasoningSignature }] : []),
    ...[text, refusal].flatMap((words) => (words ? [{ type: "text", text: words }] : [])),
    ...calls.map((call, index) => toolUse(call, toolCallId(id, index), nameOf)),
  ];
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: blocks,
    ...stopOf(choice, calls.length > 0, Boolean(refusal)),
    usage: messagesUsageOf(completion.usage, completion.service_tier),
  };
}

/** Returns the id of a message with Anthropic's prefix, which Claude Code checks. */
export function messageId(id: string | undefined): string {
  return `msg_${(typeof id === "string" ? id : "").replace(/^chatcmpl-/, "").replace(/[^a-zA-Z0-9_-]/g, "_")}`;
}

/** Returns an id for a tool call without one: unique in the conversation, because the message's id is unique. */
export function toolCallId(id: string, index: number): string {
  return `toolu_${id.slice("msg_".length)}_${index}`;
}

/**
 * Returns Anthropic's stop reason for OpenAI's finish reason. A finish of `stop` with tool calls means the calls: Ollama
 * and others send it. vLLM names the stop sequence that ended the answer.
 */
export function stopOf(
  choice: Pick<ChatChoice, "finish_reason" | "stop_reason">,
  hasTools: boolean,
  isRefusal: boolean,
): { stop_reason: string; stop_sequence: string | null; stop_details?: StopDetails } {
  const { finish_reason, stop_reason } = choice;
  if (finish_reason === "length") return { stop_reason: "max_tokens", stop_sequence: null };
  if (finish_reason === "content_filter" || isRefusal) {
    // The provider's explanation, if there is one, is in the text.
    const stop_details = { type: "refusal", category: null, explanation: null };
    return { stop_reason: "refusal", stop_sequence: null, stop_details };
  }
  if (hasTools) return { stop_reason: "tool_use", stop_sequence: null };
  if (typeof stop_reason === "string") return { stop_reason: "stop_sequence", stop_sequence: stop_reason };
  return { stop_reason: "end_turn", stop_sequence: null };
}

/**
 * Translates the usage: Anthropic's input tokens exclude those read from and written to the cache; they are never below 0
 * (case 71).
 *
 * @param tier The tier that served the call, which is part of Anthropic's usage (case 29).
 */
export function messagesUsageOf(
  usage: ChatCompletion["usage"],
  tier: string | null | undefined,
): MessagesUsage {
  const { promptTokens, completionTokens, cachedTokens } = chatUsage(usage) ?? noUsage;
  // Some providers count tokens as read and as written.
  const uncached = Math.max(0, promptTokens - cachedTokens);
  const written = Math.min(tokenCount(usage?.prompt_tokens_details?.cache_write_tokens), uncached);
  const thinking = usage?.completion_tokens_details?.reasoning_tokens;
  const served = tier === "default" ? "standard" : tier === "priority" ? tier : undefined;
  return {
    input_tokens: uncached - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    ...(thinking && { output_tokens_details: { thinking_tokens: thinking } }),
    ...(served && { service_tier: served }),
  };
}

function toolUse(call: ChatToolCall, id: string, nameOf: (name: string) => string): MessagesBlock {
  return {
    type: "tool_use",
    id: call.id ? fittingId(call.id) : id,
    name: nameOf(call.function?.name ?? ""),
    input: toolInput(call.function?.arguments),
  };
}
