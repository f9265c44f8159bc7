import { isObject, type JsonObject } from "../../../mcp/messages.ts";
import { isExactInteger } from "../../../wire/exact-json.ts";

/** The methods whose results have content, with the field that has it. */
const fields = {
  "tools/call": "content",
  "prompts/get": "messages",
  "resources/read": "contents",
} as const satisfies Record<string, string>;

export type ContentMethod = keyof typeof fields;

export function isContentMethod(method: string): method is ContentMethod {
  return Object.hasOwn(fields, method);
}

/** A text in a result. */
export interface ResultText {
  /** The index of its entry in the list of the result. */
  entry: number;
  text: string;
}

/** Returns the texts of a result in their order: those of its content, its messages, and the resources in these. */
export function textsIn(method: ContentMethod, result: JsonObject): ResultText[] {
  const list = result[fields[method]];
  if (!Array.isArray(list)) return [];
  return list.flatMap((one, entry) => {
    const text = textOf(method, one);
    return text === undefined ? [] : [{ entry, text }];
  });
}

/**
 * Returns a result with other texts. Everything that is no text stays.
 *
 * @param texts the new text of each text that `textsIn` finds; undefined for one that is left out
 * @param added a text behind the others
 */
export function withTexts(
  method: ContentMethod,
  result: JsonObject,
  texts: readonly (string | undefined)[],
  added?: { text: string; uri: string },
): JsonObject {
  const field = fields[method];
  let index = 0;
  const list = (result[field] as unknown[]).flatMap((one) => {
    if (textOf(method, one) === undefined) return [one];
    const text = texts[index++];
    return text === undefined && isOnlyText(method, one)
      ? []
      : [withText(method, one as JsonObject, text ?? "")];
  });
  return { ...result, [field]: added ? [...list, textEntry(method, added.text, added.uri)] : list };
}

/** Returns an entry with a text, as the results of a method have it. */
export function textEntry(method: ContentMethod, text: string, uri: string): JsonObject {
  if (method === "resources/read") return { uri, mimeType: "text/plain", text };
  const content = { type: "text", text };
  return method === "prompts/get" ? { role: "user", content } : content;
}

/**
 * Returns a result in which every text that a client reads was replaced: those of its content, and the strings of its
 * `structuredContent`.
 *
 * @param map returns a text for each text
 */
export async function mapAllTexts(
  method: ContentMethod,
  result: JsonObject,
  map: (texts: readonly string[]) => Promise<readonly string[]>,
): Promise<JsonObject> {
  const texts = textsIn(method, result).map(({ text }) => text);
  const count = texts.length;
  const { structuredContent } = result;
  collectStrings(structuredContent, texts);
  const mapped = await map(texts);
  if (mapped.every((text, i) => text === texts[i])) return result;
  const strings = mapped.slice(count).values();
  return {
    ...(count > 0 ? withTexts(method, result, mapped.slice(0, count)) : result),
    ...(structuredContent !== undefined && {
      structuredContent: replaceStrings(structuredContent, () => strings.next().value!),
    }),
  };
}

function collectStrings(value: unknown, into: string[]): void {
  if (typeof value === "string") into.push(value);
  else if (isExactInteger(value)) return;
  else if (Array.isArray(value)) for (const one of value) collectStrings(one, into);
  else if (isObject(value)) for (const one of Object.values(value)) collectStrings(one, into);
}

function replaceStrings(value: unknown, next: () => string): unknown {
  if (typeof value === "string") return next();
  if (Array.isArray(value)) return value.map((one) => replaceStrings(one, next));
  if (!isObject(value) || isExactInteger(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaceStrings(one, next)]));
}

/** The object that has the text of an entry. */
function holderOf(method: ContentMethod, entry: unknown): JsonObject | undefined {
  const content = method === "prompts/get" && isObject(entry) ? entry["content"] : entry;
  if (!isObject(content)) return undefined;
  if (method === "resources/read" || content["type"] === "text") return content;
  const { resource } = content;
  return content["type"] === "resource" && isObject(resource) ? resource : undefined;
}

function textOf(method: ContentMethod, entry: unknown): string | undefined {
  const text = holderOf(method, entry)?.["text"];
  return typeof text === "string" ? text : undefined;
}

/** True if nothing is left of an entry without its text. */
function isOnlyText(method: ContentMethod, entry: unknown): boolean {
  return method !== "resources/read" && holderOf(method, entry)?.["type"] === "text";
}

function withText(method: ContentMethod, entry: JsonObject, text: string): JsonObject {
  if (method === "resources/read") return { ...entry, text };
  const content = (method === "prompts/get" ? entry["content"] : entry) as JsonObject;
  const changed =
    content["type"] === "text"
      ? { ...content, text }
      : { ...content, resource: { ...(content["resource"] as JsonObject), text } };
  return method === "prompts/get" ? { ...entry, content: changed } : changed;
}
