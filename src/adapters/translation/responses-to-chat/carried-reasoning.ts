import { isObject, parsedObject } from "../../../wire/json.ts";
import type { Fields } from "../request-fields.ts";

/** The beginning of `encrypted_content` in reasoning items of this program. */
const mark = "mcpctl.1.";

/**
 * Makes the `encrypted_content` of a reasoning item. It contains Anthropic's signed thinking unchanged, because the next
 * request has to send it back so; it is encoded, not encrypted. Without signed thinking it only shows that the summary is
 * the reasoning itself.
 */
export function carryReasoning(thinkingBlocks: readonly unknown[]): string {
  if (thinkingBlocks.length === 0) return mark;
  return mark + Buffer.from(JSON.stringify(thinkingBlocks)).toString("base64url");
}

/** Returns true for a reasoning item of this program, false for one of a provider. */
export function isOurReasoning(item: Fields | null): boolean {
  const carried = item?.type === "reasoning" && item.encrypted_content;
  return typeof carried === "string" && carried.startsWith(mark);
}

/**
 * Reads a reasoning item of the input: signed thinking, or the reasoning as text. Returns neither for an item of a
 * provider, which only that provider can read.
 */
export function carriedReasoning(item: Fields): { thinkingBlocks?: unknown[]; text?: string } {
  if (!isOurReasoning(item)) return {};
  const carried = (item.encrypted_content as string).slice(mark.length);
  if (carried === "") return { text: summaryOf(item.summary) };
  const blocks = parsedObject(Buffer.from(carried, "base64url").toString());
  return Array.isArray(blocks) ? { thinkingBlocks: blocks.filter(isObject) } : {};
}

function summaryOf(summary: unknown): string {
  const parts: unknown[] = Array.isArray(summary) ? summary : [];
  return parts.map((part) => (isObject(part) && typeof part.text === "string" ? part.text : "")).join("\n\n");
}
