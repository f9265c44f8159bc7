import { AppError } from "../../../errors.ts";
import type { ChatUsage } from "../../../wire/dialects/chat.ts";
import type { MessagesAnswer, MessagesBlock, MessagesUsage } from "../../../wire/dialects/messages.ts";
import { messagesUsage } from "../../../wire/dialects/messages.ts";
import { isObject } from "../../../wire/json.ts";
import { brokenOff, finishReasonOf } from "../../finish-reason.ts";
import { faultOf } from "../../provider-fault.ts";
import { customInput } from "../custom-input.ts";
import { type NewId, randomId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { callerNames } from "../tool-names.ts";
import { garbage } from "../translated-pipe.ts";
import { answerToolName, toolNames } from "./response-format.ts";
import { thinkingDetail } from "./signed-thinking.ts";

/** The parts of a chat request that are needed to read its answer. */
export interface ToolReading {
  /** Returns the caller's name of a tool for the provider's. */
  nameOf(name: string): string;
  /** True for the caller's name of a free-form tool. */
  isCustom(name: string): boolean;
  /** The name of the tool whose arguments are the answer (case 36). */
  answer: string | undefined;
}

/** Options of the translation of an answer. */
export interface AnswerOptions {
  /** The caller's request. */
  request?: Fields | undefined;
  newId?: NewId;
  /** True if the caller speaks chat. */
  isDirect?: boolean;
}

/** Returns the parts of the caller's request that are needed to read its answer. */
export function toolReading(request: Fields): ToolReading {
  const custom = new Set(customNames(request));
  return {
    nameOf: callerNames(toolNames(request)),
    isCustom: (name) => custom.has(name),
    answer: answerToolName(request),
  };
}

function customNames({ tools }: Fields): unknown[] {
  const custom = Array.isArray(tools) ? tools.filter((tool) => tool?.type === "custom" && tool.custom) : [];
  return custom.map((tool) => tool.custom.name);
}

/**
 * Translates Anthropic's answer to a chat completion. Thinking becomes `reasoning_content`, and `thinking_blocks` with
 * its signature, which the caller may send back. Blocks of tools that ran at the provider and of unknown types are left
 * out: the caller need not act on them (cases 47, 48).
 *
 * @param model The name by which the caller called the model.
 * @param created Seconds since 1970.
 * @throws AppError `provider_error`
 */
export function chatCompletion(
  body: unknown,
  model: string,
  created: number,
  { request = {}, newId = randomId, isDirect = true }: AnswerOptions = {},
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
    id: `chatcmpl-${newId()}`,
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
          ...(thinking.length > 0 && isDirect && { reasoning_details: thinking.map(thinkingDetail) }),
          ...(tools.length > 0 && { tool_calls: tools.map((block) => toolCall(block, reading)) }),
        },
        logprobs: null,
        finish_reason: finishReason(answer.stop_reason, tools.length > 0, blocks.some(isAnswer)),
      },
    ],
    usage: chatUsageOf(answer.usage ?? {}),
    ...(tier && { service_tier: tier }),
  };
}

/**
 * Returns OpenAI's finish reason for Anthropic's stop reason (case 44); `stop` where there is none. Some servers that imitate
 * Anthropic end calls with `end_turn`.
 *
 * @param hasTools True if a tool was called.
 * @param isAnswer True if the answer came as the call of a tool (case 36).
 * @throws AppError `provider_error` for a reason that is not known to end a whole answer
 */
export function finishReason(reason: string | null | undefined, hasTools: boolean, isAnswer = false): string {
  const known = finishReasonOf(reason || "stop");
  if (known === undefined) throw new AppError("provider_error", brokenOff({ finish_reason: reason }).message);
  if (known === "stop" && hasTools) return "tool_calls";
  return known === "tool_calls" && isAnswer && !hasTools ? "stop" : known;
}

/** Translates the usage: OpenAI's prompt tokens include those read from and written to the cache (case 45). */
export function chatUsageOf(counts: MessagesUsage): ChatUsage {
  const { promptTokens, completionTokens, cachedTokens, cacheWriteTokens = 0 } = messagesUsage(counts)!;
  const reasoning = counts.output_tokens_details?.thinking_tokens;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: cacheWriteTokens },
    ...(reasoning !== undefined && { completion_tokens_details: { reasoning_tokens: reasoning } }),
  };
}

/** Returns OpenAI's name of the tier that served the call (case 29); undefined for one that it does not have. */
export function serviceTier(tier: string | null | undefined): string | undefined {
  return tier === "standard" ? "default" : tier === "priority" ? tier : undefined;
}

function toolCall(block: MessagesBlock, { nameOf, isCustom }: ToolReading) {
  const { id = "" } = block;
  const name = nameOf(block.name ?? "");
  const text = argumentsOf(block);
  return isCustom(name)
    ? { id, type: "custom", custom: { name, input: customInput(text) } }
    : { id, type: "function", function: { name, arguments: text } };
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
