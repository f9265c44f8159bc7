import { isObject } from "../../../wire/json.ts";
import type { Fields } from "../request-fields.ts";

/** The most characters of a result that go into the words. */
const longestResult = 8_000;

/**
 * Returns in words what a block of an earlier turn says that only Anthropic reads: tools that ran there, references to
 * tools, compaction. Returns "" for one that says nothing to another model.
 */
export function wordsOf(block: Fields): string {
  const { type, name, input, content, text } = block;
  if (type === "server_tool_use" || type === "mcp_tool_use")
    return `[${name} was called with ${JSON.stringify(input ?? {})}]`;
  if (type === "tool_reference") return `[The tool ${block.tool_name} can be called now.]`;
  if (type === "search_result")
    return `${block.title ?? ""}\n${block.source ?? ""}\n${plainText(content)}`.trim();
  if (typeof type === "string" && type.endsWith("tool_result")) {
    const tool = type.replace(/_?tool_result$/, "") || "the tool";
    return `[Result of ${tool}: ${plainText(content).slice(0, longestResult)}]`;
  }
  if (typeof text === "string") return text;
  return typeof content === "string" ? content : "";
}

/** Returns the words in the content of a result: texts, titles and links, without what only Anthropic can read. */
function plainText(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map(plainText).filter(Boolean).join("\n");
  if (!isObject(content)) return "";
  const words = Object.entries(content).flatMap(([name, value]) => {
    if (name === "type" || name.startsWith("encrypted_") || name === "data") return [];
    if (typeof value === "number") return [`${name}: ${value}`];
    return [plainText(value)];
  });
  return words.filter(Boolean).join("\n");
}
