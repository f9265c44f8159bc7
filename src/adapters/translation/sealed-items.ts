import { isObject } from "../../wire/json.ts";
import { carriedState } from "./carried-state.ts";
import type { Fields } from "./request-fields.ts";

/** A reasoning item of responses, as far as this program reads it. */
export interface ReasoningItem {
  id?: unknown;
  summary?: unknown;
  encrypted_content?: unknown;
}

/**
 * Returns the entry of chat's `reasoning_details` that carries a reasoning item: OpenRouter's form of sealed reasoning,
 * with the item's summary (case 126). Returns undefined for an item that is not sealed: without a store the provider could
 * not read it again.
 *
 * @param index The number of items of the answer before it: its text, its calls and its reasoning.
 */
export function detailOf(
  { id, summary, encrypted_content }: ReasoningItem,
  index: number,
): Fields | undefined {
  if (typeof encrypted_content !== "string" || encrypted_content === "") return undefined;
  return {
    type: "reasoning.encrypted",
    format: "openai-responses-v1",
    ...(typeof id === "string" && { id }),
    index,
    data: encrypted_content,
    summary: Array.isArray(summary) ? summary : [],
  };
}

/** Returns the reasoning items of a turn, each with the number of items before it. Details of other forms are left out. */
export function sealedItems(details: unknown): { item: Fields; index: number }[] {
  if (!Array.isArray(details)) return [];
  return details.filter(isSealed).map(({ id, data, summary, index }) => ({
    item: {
      type: "reasoning",
      ...(typeof id === "string" && { id }),
      summary: Array.isArray(summary) ? summary : [],
      encrypted_content: data,
    },
    index: typeof index === "number" ? index : 0,
  }));
}

function isSealed(detail: unknown): detail is Fields {
  if (!isObject(detail)) return false;
  const { type, format, data } = detail;
  return type === "reasoning.encrypted" && format === "openai-responses-v1" && typeof data === "string";
}

/** Returns the last sealed text in a conversation of messages or of chat; undefined where it has none. */
export function lastSealedIn(messages: unknown): string | undefined {
  if (!Array.isArray(messages)) return undefined;
  for (const message of messages.toReversed()) {
    if (!isObject(message) || message.role !== "assistant") continue;
    const { content, reasoning_details } = message;
    const blocks = Array.isArray(content) ? content.filter(isObject) : [];
    const details = blocks.flatMap(({ signature }) => carriedState(signature, undefined)?.details ?? []);
    const last = sealedItems([...details, ...(Array.isArray(reasoning_details) ? reasoning_details : [])]).at(
      -1,
    );
    if (last) return String(last.item.encrypted_content);
  }
  return undefined;
}

/** Returns a chat request without what only responses read, for a provider that answers in chat. */
export function withoutSealedItems(request: Fields): Fields {
  const { messages } = request;
  if (!Array.isArray(messages) || !messages.some(hasSealed)) return request;
  return { ...request, messages: messages.map((message) => (hasSealed(message) ? bare(message) : message)) };
}

function hasSealed(message: unknown): message is Fields & { reasoning_details: unknown[] } {
  return (
    isObject(message) && Array.isArray(message.reasoning_details) && message.reasoning_details.some(isOurs)
  );
}

function bare({
  reasoning_details,
  extra_content: _,
  ...message
}: Fields & { reasoning_details: unknown[] }): Fields {
  const others = reasoning_details.filter((detail) => !isOurs(detail));
  return { ...message, ...(others.length > 0 && { reasoning_details: others }) };
}

/** OpenRouter's own details have their summary elsewhere, and go back to it. */
function isOurs(detail: unknown): boolean {
  return isSealed(detail) && Array.isArray(detail.summary);
}
