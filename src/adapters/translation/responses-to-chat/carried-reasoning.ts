import { isObject } from "../../../wire/json.ts";
import type { Fields } from "../request-fields.ts";

/** What begins the `encrypted_content` of reasoning items that we make. */
const mark = "mcpctl.1.";

/**
 * The `encrypted_content` of a reasoning item. Signed thinking of Anthropic's is carried in it whole, because the
 * next request has to bring it back as it was; it is encoded, not encrypted. Without any it only says that the
 * summary is the reasoning itself.
 */
export function carryReasoning(thinkingBlocks: readonly unknown[]): string {
  if (thinkingBlocks.length === 0) return mark;
  return mark + Buffer.from(JSON.stringify(thinkingBlocks)).toString("base64url");
}

/** Whether an item of the input is reasoning that we carried, not the provider's own. */
export function isOurReasoning(item: Fields | null): boolean {
  const carried = item?.type === "reasoning" && item.encrypted_content;
  return typeof carried === "string" && carried.startsWith(mark);
}

/**
 * What a reasoning item brings back: signed thinking, or the reasoning as text. Nothing for an item that somebody
 * else made, whose reasoning only they can read.
 */
export function carriedReasoning(item: Fields): { thinkingBlocks?: unknown[]; text?: string } {
  if (!isOurReasoning(item)) return {};
  const carried = (item.encrypted_content as string).slice(mark.length);
  if (carried === "") return { text: summaryOf(item.summary) };
  try {
    const blocks: unknown = JSON.parse(Buffer.from(carried, "base64url").toString());
    return Array.isArray(blocks) ? { thinkingBlocks: blocks.filter(isObject) } : {};
  } catch {
    return {};
  }
}

function summaryOf(summary: unknown): string {
  const parts: unknown[] = Array.isArray(summary) ? summary : [];
  return parts.map((part) => (isObject(part) && typeof part.text === "string" ? part.text : "")).join("\n\n");
}
