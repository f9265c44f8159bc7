import { anySignature } from "./history-correction.ts";
import type { QuirkRow } from "./types.ts";

const openaiReasoning = "https://developers.openai.com/api/docs/guides/reasoning";

/** Fields on which providers insist in the history of a conversation, whoever wrote it. */
export const historyQuirks: readonly QuirkRow[] = [
  {
    when: { host: /(?:^|\.)(?:openai\.com|openai\.azure\.com)$/ },
    callIds: { longest: 40 },
    source: "https://developers.openai.com/api/docs/guides/function-calling",
  },
  {
    when: { host: /(?:^|\.)mistral\.ai$/ },
    callIds: { longest: 9, isExact: true },
    plainHistory: true,
    source: "https://docs.mistral.ai/capabilities/function_calling",
  },
  {
    when: { host: "api.groq.com" },
    plainHistory: true,
    source:
      "https://github.com/groq/groq-python/blob/main/src/groq/types/chat/chat_completion_assistant_message_param.py",
  },
  {
    when: { model: /(?:^|[/:])deepseek-v[4-9]/i },
    toolTurnReasoning: true,
    source: "https://api-docs.deepseek.com/guides/thinking_mode",
  },
  {
    when: { model: /(?:^|[/:])kimi-k(?:2\.[5-9]|2-thinking|[3-9])/i },
    toolTurnReasoning: true,
    source: "https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model",
  },
  {
    when: { model: /(?:^|[/:])gemini-[3-9]/ },
    callSignature: anySignature,
    source: "https://ai.google.dev/gemini-api/docs/thought-signatures",
  },
  {
    when: { model: /(?:^|[/:])(?:o\d(?![a-z0-9])|gpt-(?:[5-9]|\d\d)(?![a-z0-9]))/ },
    sealedReasoning: true,
    source: openaiReasoning,
  },
  {
    when: { model: /(?:^|[/:])gpt-\d+(?:\.\d+)?-chat/ },
    sealedReasoning: false,
    source: openaiReasoning,
  },
];
