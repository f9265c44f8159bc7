import {
  type ChatChoice,
  type ChatCompletion,
  type ChatToolCall,
  chatUsage,
} from "../../../wire/dialects/chat.ts";
import type { MessagesBlock, MessagesUsage, StopDetails } from "../../../wire/dialects/messages.ts";
import { noUsage, tokenCount } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { CallIds } from "../call-ids.ts";
import { readCompletion, textAndThinking } from "../chat-answer.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { StateCollector } from "../state-collector.ts";
import { toolInput } from "../tool-arguments.ts";
import { callerNames } from "../tool-names.ts";
import { toolNames } from "./tools.ts";

/**
 * Translates a chat completion to Anthropic's answer. The signature of its thinking carries what the provider needs back;
 * where it needs something and did not think, the thinking is empty.
 *
 * @param model The name by which the caller called the model.
 * @param request The caller's request.
 * @throws AppError `provider_error`
 */
export function messagesAnswer(
  body: unknown,
  model: string,
  request: Fields = {},
  newId: NewId = randomId,
): Record<string, unknown> {
  const { completion, choice, message } = readCompletion(body);
  const { tool_calls } = message;
  const ids = new CallIds("toolu_", newId);
  const state = new StateCollector(model);
  const nameOf = callerNames(toolNames(request));
  const calls = (Array.isArray(tool_calls) ? tool_calls : []).filter(isObject);
  const { text, thinking, refusal, field } = textAndThinking(message);
  state.add(message, field, true);
  const uses = calls.map((call) => {
    const { id, own } = ids.of((call as ChatToolCall).id);
    state.addCall(id, { id: own, extra: call.extra_content });
    return toolUse(call, id, nameOf);
  });
  const blocks: MessagesBlock[] = [
    ...(thinking || state.hasState ? [{ type: "thinking", thinking, signature: state.take() }] : []),
    ...[text, refusal].flatMap((words) => (words ? [{ type: "text", text: words }] : [])),
    ...uses,
  ];
  return {
    // Of its own: some providers give every answer the same id, and Claude Code takes those for one message.
    id: `msg_${newId()}`,
    type: "message",
    role: "assistant",
    model,
    content: blocks,
    ...stopOf(choice, calls.length > 0, Boolean(refusal)),
    usage: messagesUsageOf(completion.usage, completion.service_tier),
  };
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
    id,
    name: nameOf(call.function?.name ?? ""),
    input: toolInput(call.function?.arguments),
  };
}
