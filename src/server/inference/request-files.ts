import { isObject } from "../../wire/json.ts";
import type { LongTexts } from "../../wire/long-texts.ts";

/** The files inside a request: their size in it, and the tokens that they are about. */
export interface RequestFiles {
  /** Bytes of the JSON. */
  bytes: number;
  tokens: number;
}

type FileKind = "image" | "sound" | "document";

/** Parts of messages that are files, in all dialects, by their `type`. */
const kinds: Readonly<Record<string, FileKind>> = {
  image: "image",
  image_url: "image",
  input_image: "image",
  computer_screenshot: "image",
  input_audio: "sound",
  audio_url: "sound",
  video_url: "sound",
  input_video: "sound",
  document: "document",
  file: "document",
  input_file: "document",
};

/** Bytes of base64 for one token. A page of a PDF has about 2,000 tokens, a second of sound about 20. */
const bytesPerToken = { pdf: 50, sound: 1000, packed: 50 };
/** The same of a text: four bytes are a token, and three bytes four characters of base64. */
const bytesPerTokenOfText = (4 * 4) / 3;

/** Those of a document or sound that the provider fetches, or has: nobody here knows its size. */
const tokensElsewhere = 5000;

/** The first bytes of a PDF, and of a ZIP archive, which documents of offices are, in base64. */
const beginnings = { pdf: "JVBERi0", packed: "UEsDB" };

const dataUrl = /^data:[^,]{0,200};base64,/;

const mayHaveFile = /;base64,|"(?:data|source|file|file_id|file_url|url)"/;

const noFiles: RequestFiles = { bytes: 0, tokens: 0 };

/**
 * Measures the files inside a request. Only parts of messages with the type of a file count: what only looks like one, in a
 * text, in the arguments or in the schema of a tool, is read by the model as the text that it is (T284).
 *
 * @param long the long texts that were cut out of it
 */
export function filesOfRequest(
  { messages, input }: Record<string, unknown>,
  text: string,
  long: LongTexts | undefined,
): RequestFiles {
  // Most requests have none.
  if (long === undefined && !mayHaveFile.test(text)) return noFiles;
  const files = { bytes: 0, tokens: 0 };
  for (const [kind, content] of [...partsIn(messages), ...partsIn(input)]) {
    if (content === undefined) {
      files.tokens += kind === "image" ? 0 : tokensElsewhere;
      continue;
    }
    const begin = dataUrl.exec(content)?.[0].length ?? 0;
    const bytes = content.length - begin + (long?.charactersIn(content) ?? 0);
    files.bytes += bytes;
    files.tokens += kind === "image" ? 0 : bytes / bytesPerTokenOf(kind, content.slice(begin, begin + 8));
  }
  return files;
}

function bytesPerTokenOf(kind: FileKind, beginning: string): number {
  if (kind === "sound") return bytesPerToken.sound;
  if (beginning.startsWith(beginnings.pdf)) return bytesPerToken.pdf;
  return beginning.startsWith(beginnings.packed) ? bytesPerToken.packed : bytesPerTokenOfText;
}

/** Yields the files in messages, or in items of the responses dialect: also those in results of tools. One is undefined if it is elsewhere. */
function* partsIn(list: unknown): Generator<readonly [FileKind, string | undefined]> {
  if (!Array.isArray(list)) return;
  for (const one of list) {
    if (!isObject(one)) continue;
    const { type, content, output } = one;
    const kind = typeof type === "string" && Object.hasOwn(kinds, type) ? kinds[type] : undefined;
    if (kind && !isPlain(one)) yield [kind, contentOf(one, String(type))];
    // A document may consist of parts.
    const source = kind === "document" && isObject(one["source"]) ? one["source"]["content"] : undefined;
    for (const inner of [content, isObject(output) ? [output] : output, source]) yield* partsIn(inner);
  }
}

/** True for a document whose text stands in it, as that of any message does. */
function isPlain({ source }: Record<string, unknown>): boolean {
  return isObject(source) && (source["type"] === "text" || source["type"] === "content");
}

/** Returns the base64 of a file, or the URL with it; undefined where the file is elsewhere. */
function contentOf(part: Record<string, unknown>, type: string): string | undefined {
  const { source, file_data: own } = part;
  if (isObject(source)) return source["type"] === "base64" ? textOf(source["data"]) : undefined;
  const inner = part[type] ?? part["image_url"];
  const found = isObject(inner) ? (inner["file_data"] ?? inner["data"] ?? inner["url"]) : (own ?? inner);
  const text = textOf(found);
  const isUrl = text !== undefined && /^[a-z]+:/i.test(text);
  return isUrl && !dataUrl.test(text) ? undefined : text;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
