import { AppError } from "../../errors.ts";
import type { ChatAnswer, ChatChoice, ChatCompletion, ChatPart } from "../../wire/dialects/chat.ts";
import { isObject } from "../../wire/json.ts";
import { brokenOff, finishReasonOf } from "../finish-reason.ts";
import { faultOf } from "../provider-fault.ts";
import { withCalls } from "./answer-pieces.ts";
import type { ReasoningField } from "./carried-state.ts";
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
  if (choice?.message)
    return { completion, choice: finishedChoice(choice), message: withCalls(choice.message) };
  const fault = faultOf(body);
  throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without choices");
}

/** Returns a choice with OpenAI's finish reason. Throws AppError `provider_error` if the provider broke off. */
function finishedChoice(choice: ChatChoice): ChatChoice {
  if (!choice.finish_reason) return choice;
  const finish_reason = finishReasonOf(choice.finish_reason);
  if (finish_reason === undefined) throw new AppError("provider_error", brokenOff(choice).message);
  return { ...choice, finish_reason };
}

/**
 * Returns the text, the thinking and the refusal of a message, or of a piece of one. Providers use several names for
 * them; `field` is the place of the thinking, undefined where there is none. No other dialect has images and speech in
 * answers: a note stands for an image, and speech is the text that is spoken (case 203).
 */
export function textAndThinking(message: ChatAnswer<unknown>): {
  text: string;
  thinking: string;
  refusal: string;
  field: ReasoningField | undefined;
} {
  const { content } = message;
  const reasoning_content = textIn(message.reasoning_content);
  const reasoning = textIn(message.reasoning);
  const thought = reasoning_content || reasoning;
  const refusal = message.refusal ?? "";
  const named = reasoning_content ? "reasoning_content" : reasoning ? "reasoning" : undefined;
  const media = mediaText(message);
  if (!Array.isArray(content))
    return { text: (content ?? "") + media, thinking: thought, refusal, field: named };
  const parts: ChatPart[] = content.filter(isObject);
  const inside = parts.map((part) => (part.type === "thinking" ? wordsOf(part.thinking) : "")).join("");
  const text = parts.map((part) => (part.type === "text" ? (part.text ?? "") : "")).join("") + media;
  const refused = parts.map((part) => (part.type === "refusal" ? (part.refusal ?? "") : "")).join("");
  const field = named ?? (inside === "" ? undefined : "content");
  return { text, thinking: thought || inside, refusal: refusal || refused, field };
}

const imageNote = "[The model made an image, which cannot be shown here.]";

function mediaText({ content, images, audio }: ChatAnswer<unknown>): string {
  const parts = [content, images].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const notes = parts.filter((part) => isObject(part) && part.type === "image_url").map(() => imageNote);
  return (isObject(audio) ? textIn(audio.transcript) : "") + notes.join("\n");
}

/** Returns a text; "" for null, and for the objects that some servers send in its place. */
function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function wordsOf(thinking: ChatPart["thinking"]): string {
  if (!Array.isArray(thinking)) return thinking ?? "";
  return thinking
    .filter(isObject)
    .map(({ text = "" }) => text)
    .join("");
}
