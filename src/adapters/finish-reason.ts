import type { ChatChoice, ChatCompletion } from "../wire/dialects/chat.ts";
import { oneLine } from "../wire/text.ts";
import { faultOf } from "./provider-fault.ts";
import type { StreamFault } from "./types.ts";

/** OpenAI's finish reasons. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

/** The reasons that providers give for an answer that ended as it should, in lower case. */
const known: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  end_turn: "stop",
  stop_sequence: "stop",
  pause_turn: "stop",
  compaction: "stop",
  eos: "stop",
  eos_token: "stop",
  complete: "stop",
  completed: "stop",
  length: "length",
  // A gateway that passes on the status of responses: https://github.com/theopenco/llmgateway/pull/1682
  incomplete: "length",
  max_tokens: "length",
  max_output_tokens: "length",
  // Mistral: the context is full.
  model_length: "length",
  max_length: "length",
  // MiMo: the answer repeats itself.
  repetition_truncation: "length",
  model_context_window_exceeded: "length",
  tool_calls: "tool_calls",
  tool_call: "tool_calls",
  function_call: "tool_calls",
  tool_use: "tool_calls",
  content_filter: "content_filter",
  content_filtered: "content_filter",
  guardrail_intervened: "content_filter",
  // GLM: https://docs.z.ai/api-reference/llm/chat-completion
  sensitive: "content_filter",
  refusal: "content_filter",
  // Gemini's.
  safety: "content_filter",
  recitation: "content_filter",
  blocklist: "content_filter",
  prohibited_content: "content_filter",
  spii: "content_filter",
};

/** Returns OpenAI's finish reason for a provider's; undefined for one that is not known to end a whole answer. */
export function finishReasonOf(reason: string): FinishReason | undefined {
  const name = reason.toLowerCase();
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

/** Reasons that say that the provider broke off, in a stream whose other reasons pass unread. */
const failure = /error|fail|abort|cancel|timeout|insufficient|interrupt|malformed|overload/i;

/** Returns true for a finish reason that says that the provider broke off, whatever other reasons it has. */
export function saysFailure(reason: unknown): boolean {
  return typeof reason === "string" && failure.test(reason);
}

/**
 * Returns true for the last chunk of a stream of Snowflake, which has no finish reason: an empty choice with the usage.
 * A usage chunk without choices, which OpenAI sends, is no end by itself.
 */
export function endsWithUsage({ usage, choices }: ChatCompletion): boolean {
  if (!usage?.completion_tokens || !Array.isArray(choices) || choices.length === 0) return false;
  return choices.every((choice) => {
    const { content, tool_calls } = choice?.delta ?? {};
    return !content && !tool_calls?.length;
  });
}

/** Returns the fault of an answer that its provider broke off: the error in the choice, or the reason. */
export function brokenOff(choice: ChatChoice): StreamFault {
  const reason = oneLine(String(choice.finish_reason), 100);
  const told = faultOf({ error: choice.error });
  return told ?? { message: `the provider broke off its answer with the finish reason "${reason}"` };
}
