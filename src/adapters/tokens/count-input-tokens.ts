import { isObject } from "../../wire/json.ts";
import { type Fields, isGiven, listAt, objectAt, refused } from "../translation/request-fields.ts";
import {
  contentTokens,
  conversationOverhead,
  encodedImageTokens,
  jsonTokens,
  messageOverhead,
  toolOverhead,
} from "./count-tokens.ts";

/**
 * Estimates the tokens of a responses request, for providers without OpenAI's `input_tokens`: of its instructions, items
 * and tools (https://platform.openai.com/docs/api-reference/responses/input-tokens).
 *
 * @param body A responses request.
 * @throws AppError `invalid_request` without input
 */
export function countInputTokens(body: Fields): { object: "response.input_tokens"; input_tokens: number } {
  const { input, instructions, tools } = body;
  if (!isGiven(input) && !isGiven(instructions)) throw refused("/input", "input is required");
  let tokens = conversationOverhead + contentTokens(instructions);
  if (typeof input === "string") tokens += messageOverhead + contentTokens(input);
  else if (isGiven(input))
    for (const [index, item] of listAt(input, "/input").entries())
      tokens += messageOverhead + itemTokens(objectAt(item, `/input/${index}`));
  for (const tool of isGiven(tools) ? listAt(tools, "/tools") : []) tokens += toolOverhead + jsonTokens(tool);
  return { object: "response.input_tokens", input_tokens: Math.max(1, tokens) };
}

function itemTokens({ type, content, name, arguments: args, input, output, ...rest }: Fields): number {
  switch (type ?? "message") {
    case "message":
      return partsTokens(content);
    case "function_call":
    case "custom_tool_call":
      return toolOverhead + contentTokens(name) + contentTokens(args ?? input);
    case "function_call_output":
    case "custom_tool_call_output":
      return toolOverhead + partsTokens(output);
    case "reasoning":
      // The provider reads the sealed text, whose length nobody else knows.
      return partsTokens(content) + partsTokens(rest.summary);
    default:
      return jsonTokens({ ...rest, content, name, arguments: args, input, output });
  }
}

function partsTokens(parts: unknown): number {
  if (!Array.isArray(parts)) return contentTokens(parts);
  let tokens = 0;
  for (const part of parts) tokens += isObject(part) ? partTokens(part) : contentTokens(part);
  return tokens;
}

function partTokens(part: Fields): number {
  if (part.type === "input_image") return encodedImageTokens(encodedIn(part.image_url));
  if (part.type === "input_file") {
    const source = { type: "base64", data: encodedIn(part.file_data) };
    return contentTokens([{ type: "document", title: part.filename, source }]);
  }
  return typeof part.text === "string" ? contentTokens(part.text) : jsonTokens(part);
}

/** Returns what a data URL holds in base64; "" for any other value. */
function encodedIn(url: unknown): string {
  if (typeof url !== "string") return "";
  const comma = url.indexOf(",");
  return url.startsWith("data:") && comma !== -1 ? url.slice(comma + 1) : "";
}
