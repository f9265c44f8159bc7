import type { Dialect } from "../wire/dialects/types.ts";
import { isObject } from "../wire/json.ts";
import { isCarriedState } from "./translation/carried-state.ts";

/** New values for top-level fields of a request; none where nothing changes. */
export type RequestChanges = Record<string, unknown>;

type Fields = Record<string, unknown>;

/** Stands for a compaction, which only its provider can read. */
export const unreadableCompaction =
  "[The beginning of this conversation was compacted by another provider and cannot be read here.]";

/**
 * Removes from a request what only the account or the model that wrote it can read: sealed and signed reasoning. A
 * conversation can then go on elsewhere (case 98).
 */
export function withoutSealed(dialect: Dialect, body: Fields): RequestChanges {
  return removals[dialect](body);
}

const removals: Readonly<Record<Dialect, (body: Fields) => RequestChanges>> = {
  chat({ messages }) {
    const kept = mapped(messages, withoutSignatures);
    return kept === messages ? {} : { messages: kept };
  },
  messages: (body) =>
    withoutThinking(body, ({ type }) => type === "thinking" || type === "redacted_thinking"),
  responses({ input }) {
    if (!Array.isArray(input) || !input.some((item) => sealedText(item) !== undefined)) return {};
    return { input: input.flatMap((item) => (sealedText(item) === undefined ? [item] : readableItem(item))) };
  },
};

/**
 * Removes thinking from a request of messages. An answer with nothing else in it is removed as well. Anthropic does not
 * think on with a budget where the last answer called tools and does not begin with its thinking: then it is not asked to.
 */
export function withoutThinking(
  { messages, thinking }: Fields,
  isRemoved: (block: Fields) => boolean,
): RequestChanges {
  if (!Array.isArray(messages)) return {};
  const has = (message: unknown): message is { content: unknown[] } =>
    isObject(message) &&
    Array.isArray(message.content) &&
    message.content.some((block) => isObject(block) && isRemoved(block));
  if (!messages.some(has)) return {};
  const kept: unknown[] = messages.flatMap((message) => {
    if (!has(message)) return [message];
    const content = message.content.filter((block) => !isObject(block) || !isRemoved(block));
    return content.length > 0 ? [{ ...message, content }] : [];
  });
  const mayThink = !isObject(thinking) || thinking.type !== "enabled" || !callsWithoutThinking(kept);
  return { messages: kept, ...(!mayThink && { thinking: { type: "disabled" } }) };
}

/** Returns the sealed text of an item of responses; undefined for an item that anybody can read. */
export function sealedText(item: unknown): string | undefined {
  if (!isObject(item) || (item.type !== "reasoning" && item.type !== "compaction")) return undefined;
  const { encrypted_content: sealed } = item;
  return typeof sealed === "string" && !isCarriedState(sealed) ? sealed : undefined;
}

function readableItem({ type }: Fields): Fields[] {
  return type === "compaction" ? [{ type: "message", role: "user", content: unreadableCompaction }] : [];
}

function callsWithoutThinking(messages: readonly unknown[]): boolean {
  const last = messages.findLast((message) => isObject(message) && message.role === "assistant");
  const content = isObject(last) && Array.isArray(last.content) ? last.content : [];
  const types = content.map((block) => (isObject(block) ? block.type : undefined));
  return types.includes("tool_use") && types[0] !== "thinking" && types[0] !== "redacted_thinking";
}

function withoutSignatures(message: Fields): Fields {
  const { reasoning_details, thinking_blocks, extra_content, tool_calls, ...rest } = message;
  const calls = mapped(tool_calls, (call) => {
    const { extra_content: signature, ...plain } = call;
    return signature === undefined ? call : plain;
  });
  const isSame = [reasoning_details, thinking_blocks, extra_content].every((one) => one === undefined);
  if (isSame && calls === tool_calls) return message;
  return { ...rest, ...(calls !== undefined && { tool_calls: calls }) };
}

/** Maps the objects of a list. Returns the same list where nothing changes. */
function mapped(list: unknown, change: (one: Fields) => Fields): unknown {
  if (!Array.isArray(list)) return list;
  const changed = list.map((one) => (isObject(one) ? change(one) : one));
  return changed.some((one, index) => one !== list[index]) ? changed : list;
}
