import type { Fields } from "../request-fields.ts";

/** Anthropic refuses a request with more marks (case 41). */
const mostMarks = 4;

/**
 * Removes marks of the prompt cache where there are too many. The first mark stays, which covers the part that never
 * changes, and the last ones, which cover the most. Changes the blocks in place.
 *
 * @param hasAutomatic True if the request also asks Anthropic to set a mark, which counts too.
 */
export function keepFewMarks(
  tools: readonly Fields[] | undefined,
  system: unknown,
  turns: readonly { content: readonly Fields[] }[],
  hasAutomatic: boolean,
): void {
  const marked: Fields[] = [];
  const collect = (blocks: unknown) => {
    if (!Array.isArray(blocks)) return;
    for (const block of blocks as Fields[]) {
      if (block.type === "tool_result") collect(block.content);
      if ("cache_control" in block) marked.push(block);
    }
  };
  collect(tools);
  collect(system);
  for (const { content } of turns) collect(content);
  const most = hasAutomatic ? mostMarks - 1 : mostMarks;
  for (const block of marked.slice(1, Math.max(1, marked.length - most + 1))) delete block.cache_control;
}
