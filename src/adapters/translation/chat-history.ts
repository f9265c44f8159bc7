import { isObject } from "../../wire/json.ts";
import type { Quirks } from "../quirks/types.ts";
import { withOneSystem } from "./later-system.ts";
import type { Fields } from "./request-fields.ts";
import { fittingId } from "./tool-names.ts";

/** Kimi refuses an empty text. */
const blank = " ";

/**
 * Returns chat messages as the provider takes them, however their history began (case 94): with reasoning or a signature
 * on each tool turn where it insists on them, with ids of calls in its form, without fields that it does not know, and with
 * one system message.
 * Returns the same list where nothing changes.
 */
export function fitHistory(given: unknown[], quirks: Quirks): unknown[] {
  const { toolTurnReasoning, plainHistory, callSignature, callIds, oneSystem, textContent } = quirks;
  const plain = textContent ? given.map(withText) : given;
  const messages = oneSystem ? systemFirst(plain) : plain;
  const isFitting = !toolTurnReasoning && !plainHistory && callSignature === undefined && !callIds;
  return isFitting ? messages : fittedMessages(messages, quirks);
}

function fittedMessages(messages: unknown[], quirks: Quirks): unknown[] {
  const fitted = messages.map((message) => (isObject(message) ? fitMessage(message, quirks) : message));
  return fitted.some((message, index) => message !== messages[index]) ? fitted : messages;
}

/** Returns the messages with one system message, at the beginning; later ones go to the user's turns, marked (case 106). */
function systemFirst(messages: readonly unknown[]): unknown[] {
  if (!messages.every(isObject)) return [...messages];
  const placed = messages.map((message) => {
    const isSystem = message.role === "system" || message.role === "developer";
    const read = isSystem ? { ...message, role: "system", content: textOf(message.content) } : message;
    return { message: read, path: "" };
  });
  return withOneSystem(placed).map(({ message }) => message);
}

/** Returns a message with its content as a text; the same one where it holds more than texts. */
function withText(message: unknown): unknown {
  if (!isObject(message) || typeof message.content === "string") return message;
  const content = textOf(message.content ?? []);
  const isWhole =
    !Array.isArray(message.content) ||
    message.content.every((part) => isObject(part) && part.type === "text");
  return isWhole && typeof content === "string" ? { ...message, content } : message;
}

function textOf(content: unknown): unknown {
  if (!Array.isArray(content)) return content;
  return content
    .map((part) => (isObject(part) && typeof part.text === "string" ? part.text : ""))
    .join("\n\n");
}

function fitMessage(message: Fields, quirks: Quirks): Fields {
  const { role, tool_call_id } = message;
  const { toolTurnReasoning, plainHistory, callIds } = quirks;
  if (role === "tool" && typeof tool_call_id === "string") {
    const id = callIds ? fittingId(tool_call_id, callIds) : tool_call_id;
    return id === tool_call_id ? message : { ...message, tool_call_id: id };
  }
  if (role !== "assistant") return message;
  const answer = plainHistory ? only(message, answerFields) : message;
  const { tool_calls } = answer;
  if (!Array.isArray(tool_calls) || tool_calls.length === 0) return answer;
  const calls = tool_calls.map((call, index) => (isObject(call) ? fitCall(call, index === 0, quirks) : call));
  const isSame = calls.every((call, index) => call === tool_calls[index]);
  const lacksReasoning = toolTurnReasoning && !plainHistory && !answer.reasoning_content;
  if (isSame && !lacksReasoning) return answer;
  return { ...answer, ...(lacksReasoning && { reasoning_content: blank }), tool_calls: calls };
}

/** The fields of an answer and of a call that every provider takes back. `prefix` is Mistral's. */
const answerFields = ["role", "content", "name", "tool_calls", "function_call", "prefix"];
const callFields = ["id", "type", "function"];

/** Returns an object with the named fields alone; the same one where it has no others. */
function only(fields: Fields, names: readonly string[]): Fields {
  const entries = Object.entries(fields);
  const known = entries.filter(([name]) => names.includes(name));
  return known.length === entries.length ? fields : Object.fromEntries(known);
}

function fitCall(whole: Fields, isFirst: boolean, { plainHistory, callIds, callSignature }: Quirks): Fields {
  const call = plainHistory ? only(whole, callFields) : whole;
  const id = callIds && typeof call.id === "string" ? fittingId(call.id, callIds) : call.id;
  // Of parallel calls only the first one is signed.
  const isSigned = !isFirst || callSignature === undefined || signatureOf(call) !== undefined;
  if (id === call.id && isSigned) return call;
  return {
    ...call,
    id,
    ...(!isSigned && { extra_content: { google: { thought_signature: callSignature } } }),
  };
}

function signatureOf({ extra_content }: Fields): unknown {
  const google = isObject(extra_content) ? extra_content.google : undefined;
  return isObject(google) ? google.thought_signature : undefined;
}
