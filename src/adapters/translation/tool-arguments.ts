import { parseExact } from "../../wire/exact-json.ts";
import { isObject, refuseExcess } from "../../wire/json.ts";
import { JsonProgress } from "./json-progress.ts";

/**
 * The key under which Anthropic advises to show a model its invalid arguments again: no tool has such a parameter
 * (https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming).
 */
const invalidKey = "INVALID_JSON";

/** The text that models and their servers leave behind arguments: a fence of Markdown, tokens and tags of templates. */
export const leavings = /^(?:\s|```|<\|[^|<>]{1,40}\|>|<\/?\w{1,20}>)*$/;
const fence = /^\s*```(?:json)?\s*/;

/**
 * Returns the arguments of a chat tool call as the object that Anthropic requires. Models write bad JSON, and such a
 * conversation must still go on: what is no object is kept whole, as a text under a key that says so (cases 8, 9, 10, 11).
 *
 * @param args JSON text; Ollama has sent an object.
 */
export function toolInput(args: unknown): Record<string, unknown> {
  if (args === undefined || args === null) return {};
  if (typeof args !== "string") return isObject(args) ? args : { [invalidKey]: JSON.stringify(args) };
  if (args.trim() === "") return {};
  const text = objectText(args);
  return text === undefined ? { [invalidKey]: args } : (parseExact(text) as Record<string, unknown>);
}

/** Returns arguments as the text of a JSON object, in which invalid ones are kept whole. */
export function validArguments(args: string): string {
  return args.trim() === "" ? "{}" : (objectText(args) ?? JSON.stringify({ [invalidKey]: args }));
}

/**
 * Returns the text of the object that arguments mean: the text itself, what a text in it holds, or the text without what
 * makes it invalid though it cannot mean anything else (case 171). Returns undefined where there is no such object.
 */
export function objectText(args: string): string | undefined {
  const value = readValue(args);
  if (isObject(value)) return args;
  if (typeof value === "string") return isObject(readValue(value)) ? value : undefined;
  if (value !== undefined) return undefined;
  const opened = args.replace(fence, "");
  const end = opened.lastIndexOf("}") + 1;
  if (!leavings.test(opened.slice(end, end + 200)) || opened.length > end + 200) return undefined;
  const text = new JsonProgress().push(opened.slice(0, end));
  return isObject(readValue(text)) ? text : undefined;
}

function readValue(text: string): unknown {
  try {
    refuseExcess(text);
    return parseExact(text);
  } catch {
    return undefined;
  }
}
