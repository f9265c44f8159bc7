import { isObject } from "../../wire/json.ts";
import type { ProviderRefusal } from "./correction.ts";
import type { Quirks } from "./types.ts";

/** The text that Gemini takes for the signature of another model's call: https://ai.google.dev/gemini-api/docs/thought-signatures */
export const anySignature = "skip_thought_signature_validator";

/** Fields of an answer that clients send back and that not every provider takes. */
const answerFields = [
  ...["reasoning_content", "reasoning_details", "reasoning", "thinking_blocks", "extra_content"],
  ...["annotations", "audio", "refusal", "provider_specific_fields"],
];

const unknownField =
  /unknown|unsupported|unrecognized|unexpected|extra|additional|not (?:permitted|supported|allowed)/i;

/**
 * Sentences of chat templates and servers that take one system message, at the beginning, and no role `developer`: Qwen's,
 * Mistral's, DeepSeek's, vLLM's.
 */
const refusesSystem =
  /system (?:message|prompt|role)s? (?:must|should|can only|may only|is only)\b.{0,40}\b(?:beginning|start|first)|(?:one|single|multiple) system messages?|roles must alternate|(?:unknown variant|unexpected (?:message )?role|invalid role|unsupported role|role)\W{1,3}(?:system|developer)\b|unexpected message role/i;

/** Sentences of servers that take only texts as the content of messages: pydantic's, serde's, and others. */
const refusesParts =
  /\bcontent\b.{0,60}(?:should be a valid string|must be a (?:non-null )?string|expected a string|invalid type: (?:sequence|null)|may not be null|cannot be null|none is not)/i;

/** Returns true for a message whose content is null, or a list of texts. */
function hasOtherContent(message: unknown): boolean {
  if (!isObject(message)) return false;
  const { content } = message;
  if (!Array.isArray(content)) return content === null || content === undefined;
  return content.every((part) => isObject(part) && part.type === "text");
}

type Message = Record<string, unknown>;

/** Returns true if the messages have more than one system message at the beginning. */
function hasOtherSystem(messages: readonly unknown[]): boolean {
  return messages.some(
    (one, index) => isObject(one) && (one.role === "developer" || (one.role === "system" && index > 0)),
  );
}

/**
 * Returns the quirk that a refusal of the history teaches (case 100); undefined if it is about something else. Clients send
 * the history with each request, so that without it the conversation would be over.
 */
export function historyCorrectionOf({
  status,
  message,
  sent,
}: Omit<ProviderRefusal, "removable">): Quirks | undefined {
  if ((status !== 400 && status !== 422) || !Array.isArray(sent.messages)) return undefined;
  const words = message.slice(0, 2_000);
  if (refusesParts.test(words) && sent.messages.some(hasOtherContent)) return { textContent: true };
  if (refusesSystem.test(words) && hasOtherSystem(sent.messages)) return { oneSystem: true };
  const answers = (sent.messages as unknown[]).filter(
    (one): one is Message => isObject(one) && one.role === "assistant",
  );
  const field = answerFields.find((name) => new RegExp(`\\b${name}\\b`).test(words));
  const hasField = field !== undefined && answers.some((answer) => has(answer, field));
  if (hasField && unknownField.test(words)) return { plainHistory: true };
  const turns = answers.filter(({ tool_calls }) => Array.isArray(tool_calls) && tool_calls.length > 0);
  if (turns.length === 0) return undefined;
  if (/thought.?signature/i.test(words) && /missing/i.test(words)) return { callSignature: anySignature };
  const lacksReasoning = turns.some((turn) => typeof turn.reasoning_content !== "string");
  const insists = /missing|must|required/i.test(words) && !unknownField.test(words);
  if (/reasoning_content/.test(words) && insists && lacksReasoning) return { toolTurnReasoning: true };
  if (!/tool.?call/i.test(words)) return undefined;
  if (/length of 9\b/i.test(words)) return { callIds: { longest: 9, isExact: true } };
  return /maximum length (?:of )?40\b/i.test(words) ? { callIds: { longest: 40 } } : undefined;
}

function has(answer: Message, field: string): boolean {
  const calls = Array.isArray(answer.tool_calls) ? answer.tool_calls : [];
  return field in answer || calls.some((call) => isObject(call) && field in call);
}
