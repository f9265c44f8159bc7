import { parsedObject } from "../../wire/json.ts";
import { largeText } from "../../wire/next-turn.ts";
import { isObject, type JsonObject } from "../messages.ts";
import { contentEntry, textEntry, writtenText } from "./content.ts";
import { object, string, withUsable } from "./fields.ts";

/** The field that every result may have. */
const ofEach = { _meta: object() };

/**
 * Returns the result of a server as clients can use it: strict ones throw a whole result away for one `null`, or for
 * an entry of a type that they do not know. Only what no client can read is changed; other fields are passed on.
 *
 * @returns the same object if nothing has to be changed
 */
export function usableResult(method: string, result: JsonObject, subject: string): JsonObject {
  const { resultType } = result;
  if (resultType !== undefined && resultType !== "complete") return result;
  const rest = result["_meta"] === undefined ? result : withUsable(result, ofEach);
  if (method === "tools/call") return toolResult(rest);
  if (method === "prompts/get") return promptResult(rest);
  return method === "resources/read" ? resourceResult(rest, subject) : rest;
}

function toolResult(result: JsonObject): JsonObject {
  const { isError, structuredContent } = result;
  const given = contentList(contentOf(result));
  // Models are shown content: without any they would see nothing of the result (failure mode 244).
  const isUnseen = given.length === 0 && structuredContent !== undefined && structuredContent !== null;
  const usable = isUnseen ? [textEntry(writtenText(structuredContent))] : given;
  const hasNull = structuredContent === null;
  const isFlag = isError === undefined || typeof isError === "boolean";
  if (usable === result["content"] && !hasNull && isFlag) return result;
  const { isError: _, structuredContent: __, ...rest } = result;
  return {
    ...rest,
    content: usable,
    ...(!hasNull && structuredContent !== undefined && { structuredContent }),
    ...((isError === true || isError === "true" || isError === 1) && { isError: true }),
  };
}

/**
 * Returns the result of a tool that has an output schema as clients accept it: they refuse one without
 * `structuredContent`, and an error whose `structuredContent` does not match the schema (failure mode 246).
 *
 * @returns the same object if nothing has to be changed
 */
export function keptPromise(result: JsonObject): JsonObject {
  const { resultType, isError, structuredContent, content } = result;
  if (resultType !== undefined && resultType !== "complete") return result;
  if (isError === true) {
    const { structuredContent: _, ...rest } = result;
    return structuredContent === undefined ? result : rest;
  }
  const [only] = Array.isArray(content) && content.length === 1 ? content : [];
  if (structuredContent !== undefined || !isObject(only) || typeof only["text"] !== "string") return result;
  const told = only["text"].length > largeText ? undefined : parsedObject(only["text"]);
  return told === undefined || Array.isArray(told) ? result : { ...result, structuredContent: told };
}

/** Returns the content of a result. The first revision of MCP had it in another field, and some servers still do. */
function contentOf({ content, toolResult: old }: JsonObject): unknown {
  if (content !== undefined || old === undefined) return content;
  return isObject(old) ? (old["content"] ?? old) : old;
}

function promptResult(result: JsonObject): JsonObject {
  const { messages } = result;
  const given = listOf(messages);
  const usable = given.map((one) => {
    const message = isObject(one) ? one : { content: one };
    const { role, content } = message;
    const entry = contentEntry(content) ?? textEntry("");
    // Clients know two roles; some servers write that of a dialect of models, such as `system`.
    const isKnown = role === "user" || role === "assistant";
    return entry === content && isKnown
      ? message
      : { ...message, role: isKnown ? role : "user", content: entry };
  });
  const isSame = given === messages && usable.every((one, i) => one === given[i]);
  const changed = isSame ? result : { ...result, messages: usable };
  return changed["description"] === undefined ? changed : withUsable(changed, { description: string });
}

function resourceResult(result: JsonObject, uri: string): JsonObject {
  const { contents } = result;
  const given = listOf(contents);
  const usable = given.map((one) => {
    const entry = isObject(one) ? one : { text: writtenText(one) };
    const { text, blob, mimeType } = entry;
    const hasText = typeof text === "string" || typeof blob === "string";
    if (
      hasText &&
      typeof entry["uri"] === "string" &&
      (mimeType === undefined || typeof mimeType === "string")
    )
      return entry;
    const { mimeType: _, ...rest } = entry;
    return {
      ...rest,
      uri: typeof entry["uri"] === "string" ? entry["uri"] : uri,
      ...(typeof mimeType === "string" && { mimeType }),
      ...(!hasText && { text: writtenText(text) }),
    };
  });
  const isSame = given === contents && usable.every((one, i) => one === given[i]);
  return isSame ? result : { ...result, contents: usable };
}

function contentList(content: unknown): unknown[] {
  const given = listOf(content);
  let changed = given !== content;
  const usable = given.flatMap((one) => {
    const entry = contentEntry(one);
    if (entry !== one) changed = true;
    return entry === undefined ? [] : [entry];
  });
  return changed ? usable : given;
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return value === null || value === undefined ? [] : [value];
}
