import { isObject } from "../../../wire/json.ts";
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
  document: ["type", "source", "title", "cache_control"],
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
 * Translates a block of text, image or document. Marks of Anthropic's prompt cache and citations of an earlier answer are
 * left out: they are not content.
 */
export function partOf(block: Fields, path: string): TranslatedPart {
  switch (block.type) {
    case "text":
      refuseOthers(block, path, known.text, ofAnswers);
      return { type: "text", text: textAt(block.text, `${path}/text`) };
    case "image":
      refuseOthers(block, path, known.image);
      return imagePart(objectAt(block.source, `${path}/source`), `${path}/source`);
    case "document":
      return documentPart(block, path);
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

function documentPart(block: Fields, path: string): TranslatedPart {
  refuseOthers(block, path, known.document, { citations: isOff });
  const source = objectAt(block.source, `${path}/source`);
  const title = isGiven(block.title) ? textAt(block.title, `${path}/title`) : undefined;
  if (source.type === "text") {
    const text = textAt(source.data, `${path}/source/data`);
    return { type: "text", text: title === undefined ? text : `${title}\n\n${text}` };
  }
  if (source.type === "content") {
    const parts = blocksOf(source.content, `${path}/source/content`);
    const texts = parts.map((part, index) => textAt(part.text, `${path}/source/content/${index}/text`));
    return { type: "text", text: [...(title === undefined ? [] : [title]), ...texts].join("\n\n") };
  }
  if (source.type !== "base64") {
    throw refused(
      `${path}/source/type`,
      `a document from a ${quoted(source.type)} cannot be sent to this llm's provider`,
    );
  }
  return {
    type: "file",
    file: { filename: title ?? "document.pdf", file_data: sourceUrl(source, `${path}/source`) },
  };
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
