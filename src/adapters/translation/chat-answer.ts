import { AppError } from "../../errors.ts";
import type { ChatAnswer, ChatChoice, ChatCompletion, ChatPart } from "../../wire/dialects/chat.ts";
import { isObject } from "../../wire/json.ts";
import { faultOf } from "../provider-fault.ts";
import { garbage } from "./translated-pipe.ts";

/**
 * Reads a whole chat answer.
 *
 * @throws AppError `provider_error` for an answer without choices, with the error that the provider sent instead
 */
export function readCompletion(body: unknown): {
  completion: ChatCompletion;
  choice: ChatChoice;
  message: ChatAnswer;
} {
  const completion = (body ?? {}) as ChatCompletion;
  const choice = Array.isArray(completion.choices) ? completion.choices[0] : undefined;
  if (choice?.message) return { completion, choice, message: choice.message };
  const fault = faultOf(body);
  throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without choices");
}

/** Returns the text and the thinking of a message, or of a piece of one. Providers use several names for them. */
export function textAndThinking({ content, reasoning_content, reasoning }: ChatAnswer<unknown>): {
  text: string;
  thinking: string;
} {
  const thought = reasoning_content || reasoning || "";
  if (!Array.isArray(content)) return { text: content ?? "", thinking: thought };
  const parts: ChatPart[] = content.filter(isObject);
  const inside = parts.map((part) => (part.type === "thinking" ? wordsOf(part.thinking) : "")).join("");
  const text = parts.map((part) => (part.type === "text" ? (part.text ?? "") : "")).join("");
  return { text, thinking: thought || inside };
}

function wordsOf(thinking: ChatPart["thinking"]): string {
  if (!Array.isArray(thinking)) return thinking ?? "";
  return thinking
    .filter(isObject)
    .map(({ text = "" }) => text)
    .join("");
}
