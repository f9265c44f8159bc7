import { isObject } from "../../wire/json.ts";
import type { PlacedMessage } from "./halves.ts";
import { type Fields, isGiven } from "./request-fields.ts";

/**
 * Puts parts of other dialects in chat messages into the form of chat (case 166): Anthropic's calls and thinking of the
 * assistant, results of tools among the words of the user, images and documents with a source; texts, images and files of
 * responses. Agents that were written for Anthropic send
 * them to a chat API too, and what is left out here would be a history without its calls.
 *
 * Returns the same list where there is no such block.
 */
export function withoutForeignBlocks(messages: readonly PlacedMessage[]): readonly PlacedMessage[] {
  if (!messages.some(({ message }) => hasForeign(message.content))) return messages;
  return messages.flatMap((placed) => {
    const { content, role } = placed.message;
    if (!Array.isArray(content) || !hasForeign(content)) return [placed];
    const parts = content.map(chatPart);
    return role === "assistant" ? [assistant(placed, parts)] : user(placed, parts);
  });
}

const foreign: readonly unknown[] = ["tool_use", "tool_result", "thinking", "redacted_thinking"];
const sourced: readonly unknown[] = ["image", "document"];
const ofResponses: readonly unknown[] = ["input_text", "output_text", "input_image", "input_file"];

function hasForeign(content: unknown): boolean {
  if (!Array.isArray(content)) return false;
  return content.some(
    (part) =>
      typeof part === "string" ||
      (isObject(part) &&
        ([...foreign, ...ofResponses].includes(part.type) ||
          (sourced.includes(part.type) && isObject(part.source)))),
  );
}

/** Returns a part of another dialect as a part of chat. */
function chatPart(part: unknown): unknown {
  if (typeof part === "string") return { type: "text", text: part };
  if (!isObject(part)) return part;
  return ofResponses.includes(part.type) ? fromResponses(part) : fromMessages(part);
}

function fromResponses({ type, text, image_url, detail, file_data, filename, file_id }: Fields): Fields {
  if (type === "input_image")
    return { type: "image_url", image_url: { url: image_url, ...(isGiven(detail) && { detail }) } };
  if (type !== "input_file") return { type: "text", text };
  const named = { ...(isGiven(filename) && { filename }), ...(isGiven(file_id) && { file_id }) };
  return { type: "file", file: { ...(isGiven(file_data) && { file_data }), ...named } };
}

/** Returns an image or a document with its source as a part of chat. */
function fromMessages(part: Fields): Fields {
  const { type, source, title, cache_control } = part;
  if (!sourced.includes(type) || !isObject(source)) return part;
  const mark = cache_control !== undefined && { cache_control };
  const url = source.type === "url" ? source.url : `data:${source.media_type};base64,${source.data}`;
  if (type === "image") return { type: "image_url", image_url: { url }, ...mark };
  if (source.type === "text")
    return { type: "text", text: title ? `${title}\n\n${source.data}` : source.data, ...mark };
  const filename = typeof title === "string" && { filename: title };
  return source.type === "base64" ? { type: "file", file: { file_data: url, ...filename }, ...mark } : part;
}

function assistant({ message, path }: PlacedMessage, parts: readonly unknown[]): PlacedMessage {
  const blocks = parts.filter(isObject);
  const calls = blocks
    .filter(({ type }) => type === "tool_use")
    .map(({ id, name, input }) => ({
      id,
      type: "function",
      function: { name, arguments: JSON.stringify(input ?? {}) },
    }));
  const thinking = blocks.filter(({ type }) => type === "thinking" || type === "redacted_thinking");
  const own = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  // Some clients send each call in both forms.
  const known = new Set(own.map((call) => (isObject(call) ? call.id : undefined)));
  const tool_calls = [...own, ...calls.filter(({ id }) => !known.has(id))];
  const content = blocks.filter(({ type }) => !foreign.includes(type));
  return {
    path,
    message: {
      ...message,
      content: content.length > 0 ? content : null,
      ...(tool_calls.length > 0 && { tool_calls }),
      ...(thinking.length > 0 && { thinking_blocks: message.thinking_blocks ?? thinking }),
    },
  };
}

/** Returns the results of tools as messages of their own, before the words of the user. */
function user({ message, path }: PlacedMessage, parts: readonly unknown[]): PlacedMessage[] {
  const isResult = (part: unknown): part is Fields => isObject(part) && part.type === "tool_result";
  const results = parts.filter(isResult).map(({ tool_use_id, content, is_error }): PlacedMessage => {
    const read = Array.isArray(content) ? content.map(chatPart) : content;
    const told = is_error === true ? withError(read) : read;
    return { path, message: { role: "tool", tool_call_id: tool_use_id, content: told } };
  });
  const rest = parts.filter((part) => !isResult(part));
  return rest.length > 0 ? [...results, { path, message: { ...message, content: rest } }] : results;
}

function withError(content: unknown): unknown {
  return Array.isArray(content) ? [{ type: "text", text: "Error:" }, ...content] : `Error: ${content ?? ""}`;
}
