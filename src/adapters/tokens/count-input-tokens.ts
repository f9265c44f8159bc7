import { isObject } from "../../wire/json.ts";
import type { LongTexts } from "../../wire/long-texts.ts";
import { type Fields, isGiven, listAt, objectAt, refused } from "../translation/request-fields.ts";
import {
  addContent,
  addJson,
  conversationOverhead,
  encodedImageTokens,
  messageOverhead,
  toolOverhead,
} from "./count-tokens.ts";
import { TokenTally } from "./token-tally.ts";

/**
 * Estimates the tokens of a responses request, for providers without OpenAI's `input_tokens`: of its instructions, items
 * and tools (https://platform.openai.com/docs/api-reference/responses/input-tokens).
 *
 * @param body A responses request.
 * @throws AppError `invalid_request` without input
 */
export function countInputTokens(body: Fields): InputTokens {
  return counted(tallyInput(body).total());
}

/** Does the same in several turns of the event loop, for a request from which long texts may be cut out. */
export async function countInputTokensInTurns(body: Fields, long?: LongTexts): Promise<InputTokens> {
  return counted(await tallyInput(body, long).totalInTurns());
}

interface InputTokens {
  object: "response.input_tokens";
  input_tokens: number;
}

function counted(tokens: number): InputTokens {
  return { object: "response.input_tokens", input_tokens: tokens };
}

function tallyInput({ input, instructions, tools }: Fields, long?: LongTexts): TokenTally {
  if (!isGiven(input) && !isGiven(instructions)) throw refused("/input", "input is required");
  const tally = new TokenTally(long);
  tally.add(conversationOverhead);
  addContent(tally, instructions);
  if (typeof input === "string") {
    tally.add(messageOverhead);
    tally.addText(input);
  } else if (isGiven(input))
    for (const [index, item] of listAt(input, "/input").entries()) {
      tally.add(messageOverhead);
      addItem(tally, objectAt(item, `/input/${index}`));
    }
  for (const tool of isGiven(tools) ? listAt(tools, "/tools") : []) {
    tally.add(toolOverhead);
    addJson(tally, tool);
  }
  return tally;
}

function addItem(
  tally: TokenTally,
  { type, content, name, arguments: args, input, output, ...rest }: Fields,
): void {
  switch (type ?? "message") {
    case "message":
      return addParts(tally, content);
    case "function_call":
    case "custom_tool_call":
      tally.add(toolOverhead);
      addContent(tally, name);
      return addContent(tally, args ?? input);
    case "function_call_output":
    case "custom_tool_call_output":
      tally.add(toolOverhead);
      return addParts(tally, output);
    case "reasoning":
      // The provider reads the sealed text, whose length nobody else knows.
      addParts(tally, content);
      return addParts(tally, rest.summary);
    default:
      return addJson(tally, { ...rest, content, name, arguments: args, input, output });
  }
}

function addParts(tally: TokenTally, parts: unknown): void {
  if (!Array.isArray(parts)) return addContent(tally, parts);
  for (const part of parts)
    if (isObject(part)) addPart(tally, part);
    else addContent(tally, part);
}

function addPart(tally: TokenTally, part: Fields): void {
  if (part.type === "input_image") return tally.add(encodedImageTokens(encodedIn(part.image_url)));
  if (part.type === "input_file") {
    const source = { type: "base64", data: encodedIn(part.file_data) };
    return addContent(tally, [{ type: "document", title: part.filename, source }]);
  }
  if (typeof part.text === "string") tally.addText(part.text);
  else addJson(tally, part);
}

/** Returns what a data URL holds in base64; "" for any other value. */
function encodedIn(url: unknown): string {
  if (typeof url !== "string") return "";
  const comma = url.indexOf(",");
  return url.startsWith("data:") && comma !== -1 ? url.slice(comma + 1) : "";
}
