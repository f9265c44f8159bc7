import { AppError } from "../../../errors.ts";
import type { ChatUsage } from "../../../wire/dialects/chat.ts";
import type { MessagesAnswer, MessagesBlock, MessagesUsage } from "../../../wire/dialects/messages.ts";
import { messagesUsage } from "../../../wire/dialects/messages.ts";
import { tokenCount } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { faultOf } from "../../provider-fault.ts";
import type { Fields } from "../request-fields.ts";
import { callerNames, fittingId } from "../tool-names.ts";
import { garbage } from "../translated-pipe.ts";
import { answerToolName, toolNames } from "./response-format.ts";

/** What of a chat request an answer to it depends on: the names of tools, and whether one of them is the answer. */
export interface ToolReading {
  /** The caller's name for a tool of the provider's. */
  nameOf(name: string): string;
  /** The tool whose arguments are the answer (case 36). */
  answer: string | undefined;
}

/** How the tools of an answer are to be read. `request` is the caller's own. */
export function toolReading(request: Fields): ToolReading {
  return { nameOf: callerNames(toolNames(request)), answer: answerToolName(request) };
}

/**
 * Anthropic's answer as a chat completion. Thinking becomes `reasoning_content`, and `thinking_blocks` with its
 * signature, which the caller may send back. Blocks of tools that ran at the provider, and of types not known,
 * are left out: they are nothing the caller has to act on (cases 47, 48).
 *
 * @param model What the caller asked for.
 * @param created Seconds since 1970.
 * @param request The caller's own.
 * @throws AppError `provider_error`
 */
export function chatCompletion(
  body: unknown,
  model: string,
  created: number,
  request: Fields = {},
): Record<string, unknown> {
  const answer = (body ?? {}) as MessagesAnswer;
  if (!Array.isArray(answer.content)) {
    const fault = faultOf(body);
    throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without content");
  }
  const reading = toolReading(request);
  const blocks = answer.content.filter(isObject);
  const isAnswer = ({ type, name = "" }: MessagesBlock) => type === "tool_use" && name === reading.answer;
  const tools = blocks.filter((block) => block.type === "tool_use" && !isAnswer(block));
  const thinking = blocks.filter(isThinking);
  const content = blocks.map((block) => (isAnswer(block) ? argumentsOf(block) : textOf(block))).join("");
  const reasoning = thinking.map((block) => block.thinking ?? "").join("");
  const tier = serviceTier(answer.usage?.service_tier);
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
          ...(tools.length > 0 && { tool_calls: tools.map((block) => toolCall(block, reading)) }),
        },
        logprobs: null,
        finish_reason: finishReason(answer.stop_reason, tools.length === 0 && blocks.some(isAnswer)),
      },
    ],
    usage: chatUsageOf(answer.usage ?? {}),
    ...(tier && { service_tier: tier }),
  };
}

/**
 * OpenAI's word for why it ended (case 44). A reason not known is a plain end.
 *
 * @param isAnswer Whether the one tool that was called is the answer (case 36).
 */
export function finishReason(reason: string | null | undefined, isAnswer = false): string {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length";
    case "tool_use":
      return isAnswer ? "stop" : "tool_calls";
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
      cache_write_tokens: tokenCount(counts.cache_creation_input_tokens),
    },
    ...(reasoning !== undefined && { completion_tokens_details: { reasoning_tokens: reasoning } }),
  };
}

/** OpenAI's word for the tier that served the call (case 29); undefined for one it has no word for. */
export function serviceTier(tier: string | null | undefined): string | undefined {
  return tier === "standard" ? "default" : tier === "priority" ? tier : undefined;
}

function toolCall(block: MessagesBlock, { nameOf }: ToolReading) {
  const { id = "", name = "" } = block;
  return {
    id: fittingId(id),
    type: "function",
    function: { name: nameOf(name), arguments: argumentsOf(block) },
  };
}

function argumentsOf({ input }: MessagesBlock): string {
  return JSON.stringify(input ?? {});
}

function isThinking({ type }: MessagesBlock): boolean {
  return type === "thinking" || type === "redacted_thinking";
}

function textOf({ type, text }: MessagesBlock): string {
  return type === "text" ? (text ?? "") : "";
}
