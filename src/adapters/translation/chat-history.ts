import { isObject } from "../../wire/json.ts";
import type { Quirks } from "../quirks/types.ts";
import type { Fields } from "./request-fields.ts";
import { fittingId } from "./tool-names.ts";

/** Kimi refuses an empty text. */
const blank = " ";

/**
 * Returns chat messages as the provider takes them, however their history began (case 94): with reasoning or a signature
 * on each tool turn where it insists on them, and with ids of calls in its form. Returns the same list where nothing
 * changes.
 */
export function fitHistory(messages: unknown[], quirks: Quirks): unknown[] {
  const { toolTurnReasoning, callSignature, callIds } = quirks;
  if (!toolTurnReasoning && callSignature === undefined && !callIds) return messages;
  const fitted = messages.map((message) => (isObject(message) ? fitMessage(message, quirks) : message));
  return fitted.some((message, index) => message !== messages[index]) ? fitted : messages;
}

function fitMessage(message: Fields, quirks: Quirks): Fields {
  const { role, tool_call_id, tool_calls } = message;
  const { toolTurnReasoning, callIds } = quirks;
  if (role === "tool" && typeof tool_call_id === "string") {
    const id = callIds ? fittingId(tool_call_id, callIds) : tool_call_id;
    return id === tool_call_id ? message : { ...message, tool_call_id: id };
  }
  if (role !== "assistant" || !Array.isArray(tool_calls) || tool_calls.length === 0) return message;
  const calls = tool_calls.map((call, index) => (isObject(call) ? fitCall(call, index === 0, quirks) : call));
  const isSame = calls.every((call, index) => call === tool_calls[index]);
  const lacksReasoning = toolTurnReasoning && !message.reasoning_content;
  if (isSame && !lacksReasoning) return message;
  return { ...message, ...(lacksReasoning && { reasoning_content: blank }), tool_calls: calls };
}

function fitCall(call: Fields, isFirst: boolean, { callIds, callSignature }: Quirks): Fields {
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
