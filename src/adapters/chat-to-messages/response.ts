import { AppError } from "../../errors.ts";
import type { MessagesAnswer, MessagesBlock, MessagesUsage } from "../../wire/anthropic-messages.ts";
import { messagesUsage } from "../../wire/anthropic-messages.ts";
import type { ChatUsage } from "../../wire/openai-chat.ts";
import { faultOf } from "../provider-fault.ts";
import { garbage } from "../translated-pipe.ts";

/**
 * Anthropic's answer as a chat completion. Thinking becomes `reasoning_content`, and `thinking_blocks` with its
 * signature, which the caller may send back. Blocks of tools that ran at the provider, and of types not known,
 * are left out: they are nothing the caller has to act on (cases 47 and 48).
 *
 * @param model What the caller asked for.
 * @param created Seconds since 1970.
 * @throws AppError `provider_error`
 */
export function chatCompletion(body: unknown, model: string, created: number): Record<string, unknown> {
  const answer = (body ?? {}) as MessagesAnswer;
  if (!Array.isArray(answer.content)) {
    const fault = faultOf(body);
    throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without content");
  }
  const blocks = answer.content;
  const tools = blocks.filter(({ type }) => type === "tool_use");
  const thinking = blocks.filter(isThinking);
  const content = joined(blocks, "text", "text");
  const reasoning = joined(thinking, "thinking", "thinking");
  return {
    id: answer.id ?? "",
    object: "chat.completion",
    created,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: content === "" && tools.length > 0 ? null : content,
          refusal: answer.stop_details?.explanation ?? null,
          ...(reasoning !== "" && { reasoning_content: reasoning }),
          ...(thinking.length > 0 && { thinking_blocks: thinking }),
          ...(tools.length > 0 && { tool_calls: tools.map(toolCall) }),
        },
        logprobs: null,
        finish_reason: finishReason(answer.stop_reason),
      },
    ],
    usage: chatUsageOf(answer.usage ?? {}),
  };
}

/** OpenAI's word for why it ended (case 44). A reason not known is a plain end. */
export function finishReason(reason: string | null | undefined): string {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length";
    case "tool_use":
      return "tool_calls";
    case "refusal":
      return "content_filter";
    default:
      return "stop";
  }
}

/** Counts as OpenAI's: the prompt includes what was read from or written to the cache (case 45). */
export function chatUsageOf(counts: MessagesUsage): ChatUsage {
  const { promptTokens, completionTokens, cachedTokens } = messagesUsage(counts)!;
  const reasoning = counts.output_tokens_details?.thinking_tokens;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: {
      cached_tokens: cachedTokens,
      cache_write_tokens: counts.cache_creation_input_tokens ?? 0,
    },
    ...(reasoning !== undefined && { completion_tokens_details: { reasoning_tokens: reasoning } }),
  };
}

function toolCall({ id, name, input }: MessagesBlock) {
  return { id, type: "function", function: { name, arguments: JSON.stringify(input ?? {}) } };
}

function isThinking({ type }: MessagesBlock): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function joined(blocks: MessagesBlock[], type: string, field: "text" | "thinking"): string {
  return blocks.map((block) => (block.type === type ? (block[field] ?? "") : "")).join("");
}
