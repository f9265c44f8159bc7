import type { ChatUsage } from "../../../wire/dialects/chat.ts";
import { chatUsage } from "../../../wire/dialects/chat.ts";
import type { ItemStatus, ResponseItem, ResponsesUsage } from "../../../wire/dialects/responses.ts";
import { tokenCount } from "../../../wire/dialects/usage.ts";
import { CallIds } from "../call-ids.ts";
import { leftOutOf } from "../hosted-tools.ts";
import type { NewId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import type { CallersTool } from "./tool-namespaces.ts";

/** The end of an answer. */
export interface Ending {
  status: "completed" | "incomplete";
  incomplete_details: { reason: "max_output_tokens" | "content_filter" } | null;
}

/** Returns the tier that served the call; the requested one where the provider names none. */
export function tierOf(served: string | null | undefined, request: Fields): unknown {
  return served ?? request.service_tier ?? "default";
}

/** Returns the fields of an answer that repeat the request, with OpenAI's defaults. */
export function echoOf(request: Fields, model: string): Fields {
  const { text, reasoning } = request as { text?: Fields | null; reasoning?: Fields | null };
  return {
    model,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: request.max_tool_calls ?? null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    reasoning: { effort: reasoning?.effort ?? null, summary: reasoning?.summary ?? null },
    safety_identifier: request.safety_identifier ?? null,
    store: false,
    background: false,
    temperature: request.temperature ?? 1,
    text: { ...text, format: text?.format ?? { type: "text" } },
    tool_choice: request.tool_choice ?? "auto",
    tools: toolsInForce(request),
    top_logprobs: 0,
    top_p: request.top_p ?? 1,
    truncation: "disabled",
    user: request.user ?? null,
  };
}

/** Makes the ids of an answer and its parts: nobody else has them, whatever ids the provider gives. */
export function idsOf(newId: NewId) {
  const stem = newId();
  return {
    response: `resp_${stem}`,
    item: (kind: "msg" | "rs" | "fc" | "ctc", index: number) => `${kind}_${stem}_${index}`,
    calls: new CallIds("call_", newId),
  };
}

/** Returns the end of an answer for chat's finish reason; an unknown reason is a complete answer. */
export function endingOf(finishReason: string | null | undefined): Ending {
  if (finishReason === "length") {
    return { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
  }
  if (finishReason === "content_filter") {
    return { status: "incomplete", incomplete_details: { reason: "content_filter" } };
  }
  return { status: "completed", incomplete_details: null };
}

/** Translates the usage of chat to that of responses; returns null where the provider sent none. */
export function responsesUsageOf(counts: ChatUsage | null | undefined): ResponsesUsage | null {
  const usage = chatUsage(counts);
  if (!usage || !counts) return null;
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: {
      cached_tokens: usage.cachedTokens,
      cache_write_tokens: tokenCount(counts.prompt_tokens_details?.cache_write_tokens),
    },
    output_tokens: usage.completionTokens,
    output_tokens_details: {
      reasoning_tokens: tokenCount(counts.completion_tokens_details?.reasoning_tokens),
    },
    total_tokens: usage.promptTokens + usage.completionTokens,
  };
}

/** Returns the item of a call: of a custom tool, with its `input`, or of a function, with its `arguments`. */
export function callItem(
  { name, namespace, isCustom }: CallersTool,
  call: { id: string; call_id: string },
  text: string,
  status: ItemStatus,
): ResponseItem {
  const { id, call_id } = call;
  const called = { name, ...(namespace !== undefined && { namespace }) };
  return isCustom
    ? { type: "custom_tool_call", id, status, call_id, ...called, input: text }
    : { type: "function_call", id, status, call_id, ...called, arguments: text };
}

function toolsInForce({ tools }: Fields): unknown {
  if (!Array.isArray(tools)) return tools ?? [];
  const isLeftOut = leftOutOf("responses", tools);
  return tools.filter((tool) => !isLeftOut(tool));
}
