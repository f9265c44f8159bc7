import type { ChatUsage } from "../../../wire/dialects/chat.ts";
import { type ResponsesUsage, responsesUsage } from "../../../wire/dialects/responses.ts";
import { tokenCount } from "../../../wire/dialects/usage.ts";
import { isObject } from "../../../wire/json.ts";
import { finishReasonOf } from "../../finish-reason.ts";
import type { ReasoningItem } from "../sealed-items.ts";

/** An output item of a provider's answer, as far as it is read. Items of tools that ran at the provider are not. */
export interface OutputItem extends ReasoningItem {
  type?: string;
  call_id?: string;
  name?: string;
  arguments?: unknown;
  input?: unknown;
  content?: unknown;
  phase?: unknown;
}

/** A provider's answer, or the state of one in an event. */
export interface ProviderAnswer {
  status?: string;
  output?: unknown;
  usage?: unknown;
  service_tier?: string | null;
  incomplete_details?: { reason?: string } | null;
}

/** Stands between two texts of one answer: parts of a summary, or messages. */
export const textGap = "\n\n";

/** Returns the texts of reasoning: its summary, or what open models thought. */
export function thoughtsOf({ summary, content }: OutputItem): string[] {
  const summarized = textsOf(summary, "text");
  return summarized.length > 0 ? summarized : textsOf(content, "text");
}

/** Returns the text and the refusal of a message. Annotations are left out. */
export function wordsOf({ content }: OutputItem): { text: string; refusal: string } {
  return { text: textsOf(content, "text").join(""), refusal: textsOf(content, "refusal").join("") };
}

/** Returns the name and the input of a call as chat has them; undefined for an item that is no call of the caller. */
export function calledOf(item: OutputItem): { kind: "function" | "custom"; text: string } | undefined {
  if (item.type === "custom_tool_call") return { kind: "custom", text: String(item.input ?? "") };
  if (item.type !== "function_call") return undefined;
  const { arguments: args } = item;
  return { kind: "function", text: typeof args === "string" ? args : args ? JSON.stringify(args) : "" };
}

/** Returns the phase of a message, which the provider needs back, as a field of chat; {} where it has none. */
export function phaseField({ phase }: OutputItem): { extra_content?: object } {
  return typeof phase === "string" ? { extra_content: { openai: { phase } } } : {};
}

/** Returns chat's finish reason; undefined for an answer that is not whole. */
export function finishOf(
  { status, incomplete_details }: ProviderAnswer,
  hasCalls: boolean,
): string | undefined {
  if (status === "incomplete") return finishReasonOf(incomplete_details?.reason ?? "");
  if (status !== undefined && status !== "completed") return undefined;
  return hasCalls ? "tool_calls" : "stop";
}

/** Returns the words for an answer that its provider broke off. */
export function brokenOffWords({ status, incomplete_details }: ProviderAnswer): string {
  const reason = String(incomplete_details?.reason ?? status).slice(0, 100);
  return `the provider broke off its answer with the status "${reason}"`;
}

/** Translates the usage to that of chat; undefined where the provider sent none. */
export function chatUsageOf(counts: unknown): ChatUsage | undefined {
  const usage = responsesUsage(counts);
  if (!usage) return undefined;
  const { input_tokens_details: input, output_tokens_details: output } = counts as ResponsesUsage;
  return {
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    total_tokens: usage.promptTokens + usage.completionTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedTokens,
      cache_write_tokens: tokenCount(input?.cache_write_tokens),
    },
    completion_tokens_details: { reasoning_tokens: tokenCount(output?.reasoning_tokens) },
  };
}

function textsOf(parts: unknown, field: "text" | "refusal"): string[] {
  if (!Array.isArray(parts)) return [];
  return parts.filter(isObject).flatMap((part) => {
    const text = part[field];
    return typeof text === "string" && text !== "" ? [text] : [];
  });
}
