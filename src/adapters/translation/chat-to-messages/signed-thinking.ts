import type { MessagesBlock } from "../../../wire/dialects/messages.ts";
import { isObject } from "../../../wire/json.ts";
import { type Fields, isGiven, listAt, objectAt } from "../request-fields.ts";
import type { Block } from "./content.ts";

/**
 * Signed thinking of Anthropic in the two forms that chat clients know and send back: LiteLLM's `thinking_blocks`, which are
 * Anthropic's own, and OpenRouter's `reasoning_details` (case 162):
 * https://docs.litellm.ai/docs/reasoning_content and https://openrouter.ai/docs/use-cases/reasoning-tokens
 */
const format = "anthropic-claude-v1";

/** Returns the entry of `reasoning_details` for a block of thinking, whole or the signed end of one in pieces. */
export function thinkingDetail(
  { type, thinking = "", signature, data }: MessagesBlock,
  index: number,
): Fields {
  return type === "redacted_thinking"
    ? { type: "reasoning.encrypted", data, format, index }
    : { type: "reasoning.text", text: thinking, ...(signature && { signature }), format, index };
}

/** Returns the entry for a piece of a text. The format comes with the end: SDKs join the texts of pieces in all fields. */
export function thinkingPiece(text: string, index: number): Fields {
  return { type: "reasoning.text", text, index };
}

/**
 * Returns the blocks of thinking that a message brought back. Only signed ones count: Anthropic refuses others.
 *
 * @throws AppError `invalid_request`
 */
export function returnedThinking({ thinking_blocks, reasoning_details }: Fields, path: string): Block[] {
  const blocks = isGiven(thinking_blocks)
    ? listAt(thinking_blocks, `${path}/thinking_blocks`).map((block, index) =>
        objectAt(block, `${path}/thinking_blocks/${index}`),
      )
    : [];
  const own = blocks.filter(isSigned).map(asItWas);
  return unique(own.length > 0 ? own : blocksOf(reasoning_details));
}

function isSigned({ type, signature }: Fields): boolean {
  return type === "redacted_thinking" || (type === "thinking" && Boolean(signature));
}

/** Removes what is not Anthropic's: the mark of the prompt cache (case 41), and the place in a stream. */
function asItWas({ cache_control: _, index: _index, ...block }: Fields): Block {
  return block as Block;
}

/** Puts blocks together from details, which may still be in the pieces in which they were streamed. */
function blocksOf(details: unknown): Block[] {
  if (!Array.isArray(details)) return [];
  const blocks: Block[] = [];
  let open: { text: string; index: unknown } | undefined;
  for (const { type, text, signature, data, format: form, index } of details.filter(isObject)) {
    if (isGiven(form) && !String(form).startsWith(format)) continue;
    if (type === "reasoning.encrypted" && typeof data === "string" && isGiven(form))
      blocks.push({ type: "redacted_thinking", data });
    if (type !== "reasoning.text") continue;
    if (!open || open.index !== index) open = { text: "", index };
    open.text += typeof text === "string" ? text : "";
    if (typeof signature !== "string" || signature === "") continue;
    blocks.push({ type: "thinking", thinking: open.text, signature });
    open = undefined;
  }
  return blocks;
}

/** Removes repetitions: some clients collect the same block from several chunks. */
function unique(blocks: readonly Block[]): Block[] {
  const known = new Set<unknown>();
  return blocks.filter(({ signature, data }) => {
    const mark = signature ?? data;
    const isNew = !known.has(mark);
    known.add(mark);
    return isNew;
  });
}
