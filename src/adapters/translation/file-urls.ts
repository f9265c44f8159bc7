import { isObject } from "../../wire/json.ts";
import type { ChatRequest } from "./halves.ts";
import { type Fields, quoted, refused } from "./request-fields.ts";

/**
 * A file by its link stands in chat as `{type: "file", file: {file_url}}`, between the two halves of a translation: only
 * messages and responses take it.
 */
export function linkedFile(url: string, filename: string | undefined): Fields & { type: string } {
  return { type: "file", file: { file_url: url, ...(filename !== undefined && { filename }) } };
}

/**
 * Returns a request that goes to a provider of chat, which takes no links to files: one of the history becomes words.
 *
 * @param placeOf returns the place of a part in the caller's request, from that of its message and its number
 * @throws AppError `invalid_request` for a new one
 */
export function withoutFileLinks(
  { request, paths }: ChatRequest,
  placeOf: (path: string, index: number) => string,
): Fields {
  const messages = request.messages as readonly Fields[];
  if (!messages.some(({ content }) => Array.isArray(content) && content.some(isLink))) return request;
  const lastAnswer = messages.findLastIndex(({ role }) => role === "assistant");
  return {
    ...request,
    messages: messages.map((message, at) => {
      const { content } = message;
      if (!Array.isArray(content)) return message;
      const parts = content.map((part: unknown, index) => {
        if (!isLink(part)) return part;
        if (at > lastAnswer)
          throw refused(
            placeOf(paths[at]!, index),
            "a file by its link cannot be sent to this llm's provider; send its content",
          );
        return {
          type: "text",
          text: `[The file ${quoted(part.file.file_url)}, which this model cannot read.]`,
        };
      });
      return { ...message, content: parts };
    }),
  };
}

function isLink(part: unknown): part is { file: { file_url: unknown } } {
  return isObject(part) && part.type === "file" && isObject(part.file) && part.file["file_url"] !== undefined;
}
