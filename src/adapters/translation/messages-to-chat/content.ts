import { isObject } from "../../../wire/json.ts";
import { linkedFile } from "../file-urls.ts";
import {
  type Fields,
  isEmpty,
  isGiven,
  listAt,
  objectAt,
  quoted,
  refused,
  refuseOthers,
  textAt,
} from "../request-fields.ts";
import { wordsOf } from "./hosted-blocks.ts";

/** A content part of OpenAI chat. */
export type TranslatedPart = { type: string } & Fields;

const known = {
  text: ["type", "text", "cache_control", "citations"],
  image: ["type", "source", "cache_control"],
  document: ["type", "source", "title", "context", "cache_control"],
  searchResult: ["type", "source", "title", "content", "cache_control"],
};

/** Fields of texts of answers, which some clients copy. Empty they say nothing. */
const ofAnswers = { annotations: isEmpty, logprobs: isEmpty };

/** Returns the blocks of a message: a string is one block of text. */
export function blocksOf(content: unknown, path: string): Fields[] {
  if (!isGiven(content)) return [];
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  return listAt(content, path).map((block, index) =>
    typeof block === "string" ? { type: "text", text: block } : objectAt(block, `${path}/${index}`),
  );
}

/**
 * Translates a block of text, image or document: a document with a context to two parts. Marks of Anthropic's prompt cache and citations of an earlier answer are
 * left out: they are not content.
 */
export function partsOf(block: Fields, path: string): TranslatedPart[] {
  return block.type === "document" ? documentParts(block, path) : [partOf(block, path)];
}

function partOf(block: Fields, path: string): TranslatedPart {
  switch (block.type) {
    case "text":
      refuseOthers(block, path, known.text, ofAnswers);
      return { type: "text", text: textAt(block.text, `${path}/text`) };
    case "image":
      refuseOthers(block, path, known.image);
      return imagePart(objectAt(block.source, `${path}/source`), `${path}/source`);
    case "search_result":
      return searchResult(block, path);
    default:
      throw refused(
        `${path}/type`,
        `a content block of type ${quoted(block.type)} cannot be sent to this llm's provider`,
      );
  }
}

/** Returns the content of parts: text alone is a string, because some providers, such as DeepSeek, take no lists. */
export function contentOf(parts: TranslatedPart[]): string | TranslatedPart[] {
  if (parts.some(({ type }) => type !== "text")) return parts;
  const texts = parts.map(({ text }) => text);
  return (texts.some((text) => text !== "") ? texts.filter((text) => text !== "") : texts).join("\n\n");
}

function imagePart(source: Fields, path: string): TranslatedPart {
  return { type: "image_url", image_url: { url: sourceUrl(source, path) } };
}

/** Translates a document. Its context, which Anthropic shows the model with it, becomes text. */
function documentParts(block: Fields, path: string): TranslatedPart[] {
  refuseOthers(block, path, known.document, { citations: isOff });
  const at = `${path}/source`;
  const source = objectAt(block.source, at);
  const title = isGiven(block.title) ? textAt(block.title, `${path}/title`) : undefined;
  const context = isGiven(block.context) ? textAt(block.context, `${path}/context`) : undefined;
  const text = (words: readonly (string | undefined)[]): TranslatedPart[] => [
    { type: "text", text: words.filter((one) => one !== undefined).join("\n\n") },
  ];
  switch (source.type) {
    case "text":
      return text([title, context, textAt(source.data, `${at}/data`)]);
    case "content": {
      const parts = blocksOf(source.content, `${at}/content`);
      const texts = parts.map((part, index) => textAt(part.text, `${at}/content/${index}/text`));
      return text([title, context, ...texts]);
    }
    case "base64":
    case "url": {
      const url = sourceUrl(source, at);
      const file =
        source.type === "url"
          ? linkedFile(url, title)
          : { type: "file", file: { filename: title ?? "document.pdf", file_data: url } };
      return [...(context === undefined ? [] : text([context])), file];
    }
    default:
      throw refused(
        `${at}/type`,
        `a document from a ${quoted(source.type)} cannot be sent to this llm's provider`,
      );
  }
}

/** Translates a result of a search that the caller made itself to its words, with the place where it was found. */
function searchResult(block: Fields, path: string): TranslatedPart {
  refuseOthers(block, path, known.searchResult, { citations: isOff });
  listAt(block.content, `${path}/content`);
  return { type: "text", text: wordsOf(block) };
}

function sourceUrl(source: Fields, path: string): string {
  if (source.type === "url") return textAt(source.url, `${path}/url`);
  if (source.type === "base64") {
    return `data:${textAt(source.media_type, `${path}/media_type`)};base64,${textAt(source.data, `${path}/data`)}`;
  }
  throw refused(
    `${path}/type`,
    `an image from a ${quoted(source.type)} cannot be sent to this llm's provider`,
  );
}

function isOff(citations: unknown): boolean {
  return isObject(citations) && !citations.enabled;
}
