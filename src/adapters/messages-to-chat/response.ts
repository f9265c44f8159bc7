import { AppError } from "../../errors.ts";
import type { MessagesBlock, MessagesUsage } from "../../wire/anthropic-messages.ts";
import { parseExact } from "../../wire/json.ts";
import {
  type ChatChoice,
  type ChatCompletion,
  type ChatToolCall,
  chatUsage,
} from "../../wire/openai-chat.ts";
import type { Usage } from "../../wire/usage.ts";
import { faultOf } from "../provider-fault.ts";
import { garbage } from "../translated-pipe.ts";

/**
 * The signature of thinking that a chat provider gave as `reasoning_content`. It says, when the conversation
 * comes back, that the thinking is to be given back under that name.
 */
export const reasoningSignature = "reasoning_content";

/**
 * A chat completion as Anthropic's answer.
 *
 * @param model What the caller asked for.
 * @throws AppError `provider_error`
 */
export function messagesAnswer(body: unknown, model: string): Record<string, unknown> {
  const completion = (body ?? {}) as ChatCompletion;
  const choice = Array.isArray(completion.choices) ? completion.choices[0] : undefined;
  if (!choice?.message) {
    const fault = faultOf(body);
    throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without choices");
  }
  const { content, refusal, reasoning_content, reasoning, tool_calls } = choice.message;
  const id = messageId(completion.id);
  const thinking = reasoning_content ?? reasoning;
  const blocks: MessagesBlock[] = [
    ...(thinking ? [{ type: "thinking", thinking, signature: reasoningSignature }] : []),
    ...[content, refusal].flatMap((text) => (text ? [{ type: "text", text }] : [])),
    ...(tool_calls ?? []).map((call, index) => toolUse(call, toolCallId(id, index))),
  ];
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: blocks,
    ...stopOf(choice, Boolean(tool_calls?.length), Boolean(refusal)),
    usage: messagesUsageOf(chatUsage(completion.usage)),
  };
}

/** Anthropic's ids start so, and Claude Code looks. */
export function messageId(id: string | undefined): string {
  return `msg_${(id ?? "").replace(/^chatcmpl-/, "").replace(/[^a-zA-Z0-9_-]/g, "_")}`;
}

/** For a provider that gives its tool calls no ids: unique in the conversation, because the message's id is. */
export function toolCallId(id: string, index: number): string {
  return `toolu_${id.slice("msg_".length)}_${index}`;
}

/**
 * Anthropic's words for why it ended. A finish of `stop` with tool calls means the calls: Ollama and others say
 * so. vLLM names the stop string it met.
 */
export function stopOf(
  choice: Pick<ChatChoice, "finish_reason" | "stop_reason">,
  hasTools: boolean,
  isRefusal: boolean,
): { stop_reason: string; stop_sequence: string | null } {
  const { finish_reason, stop_reason } = choice;
  if (finish_reason === "length") return { stop_reason: "max_tokens", stop_sequence: null };
  if (finish_reason === "content_filter" || isRefusal) return { stop_reason: "refusal", stop_sequence: null };
  if (hasTools) return { stop_reason: "tool_use", stop_sequence: null };
  if (typeof stop_reason === "string") return { stop_reason: "stop_sequence", stop_sequence: stop_reason };
  return { stop_reason: "end_turn", stop_sequence: null };
}

/** Counts as Anthropic's: input tokens without the cached ones, never below 0 (case 71). */
export function messagesUsageOf(usage: Usage | undefined): MessagesUsage {
  const { promptTokens, completionTokens, cachedTokens } = usage ?? noUsage;
  return {
    input_tokens: Math.max(0, promptTokens - cachedTokens),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
  };
}

/** Before anything is known. */
export const noUsage: Usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0 };

function toolUse(call: ChatToolCall, id: string): MessagesBlock {
  return {
    type: "tool_use",
    id: call.id || id,
    name: call.function?.name ?? "",
    input: toolInput(call.function?.arguments),
  };
}

/** Arguments as an object. What the model wrote is kept even where it is none. */
function toolInput(value: unknown): unknown {
  if (typeof value !== "string") return value ?? {};
  if (value.trim() === "") return {};
  try {
    const input = parseExact(value);
    return typeof input === "object" && input !== null ? input : { arguments: input };
  } catch {
    return { arguments: value };
  }
}
