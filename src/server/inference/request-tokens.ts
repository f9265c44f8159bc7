import type { LongTexts } from "../../wire/long-texts.ts";
import { charactersOf, type ParsedRequest } from "./request.ts";

/** The tokens of a request, by an estimate that needs no dictionary. */
export interface RequestTokens {
  /** Those of its text. */
  text: number;
  /** Those of its text, images and files. */
  all: number;
}

/** Roughly right in all writings: four letters of English, or one sign of Chinese, are about a token. */
const bytesPerToken = 4;
/** Those of a large image; providers count 85 to 1,600: https://platform.claude.com/docs/en/build-with-claude/vision */
const tokensOfImage = 1000;
/** Bytes of a file for one token. A page of a PDF has about 2,000 tokens, a second of sound about 20. */
const bytesPerTokenOf = { pdf: 50, other: 1000 };

/** Files inside a request: of a data URL, and of the fields of Anthropic's `source` and OpenAI's `input_audio`. */
const inUrl = /;base64,([A-Za-z0-9+/=_\\-]+)/g;
const inData = /"data"\s*:\s*"([A-Za-z0-9+/=_\\-]{64,})/g;
const image = /"type"\s*:\s*"(?:image|image_url|input_image)"/g;
/** The first bytes of a PDF, and of PNG, JPEG, GIF and WebP, in base64. */
const pdf = "JVBERi0";
const picture = /^(?:iVBORw0KGg|\\?\/9j\\?\/|R0lGOD|UklGR.{6}XRUJQ)/;

/**
 * Estimates the tokens of a request by its size: files and images are not text. It is larger than it may seem for texts that
 * are not English, because many of their letters are tokens of their own (T284).
 *
 * @param text the JSON
 * @param long the long texts that were cut out of it
 */
export function tokensOfRequest(text: string, long: LongTexts | undefined = undefined): RequestTokens {
  let bytes = Buffer.byteLength(text);
  let files = 0;
  for (const pattern of filePatterns(text))
    for (const [, content = ""] of text.matchAll(pattern)) {
      bytes -= content.length;
      if (!picture.test(content))
        files += content.length / (content.startsWith(pdf) ? bytesPerTokenOf.pdf : bytesPerTokenOf.other);
    }
  if (long) {
    bytes += long.size - long.embedded;
    files += long.embedded / bytesPerTokenOf.other;
  }
  const images = text.includes("image") ? text.match(image)?.length : undefined;
  const tokens = Math.ceil(bytes / bytesPerToken);
  return { text: tokens, all: tokens + Math.ceil(files) + tokensOfImage * (images ?? 0) };
}

const noPatterns: readonly RegExp[] = [];

/** Returns the patterns of the files that a text has. Most texts have none. */
function filePatterns(text: string): readonly RegExp[] {
  const hasUrls = text.includes(";base64,");
  const hasData = text.includes('"base64"') || text.includes('"input_audio"');
  if (!hasUrls && !hasData) return noPatterns;
  return [...(hasUrls ? [inUrl] : []), ...(hasData ? [inData] : [])];
}

/** Estimates the tokens of a request before it is known which llm gets it. */
export function promptTokensOf(request: ParsedRequest): number {
  if (request.form) return Math.ceil(charactersOf(request) / bytesPerToken);
  return tokensOfRequest(request.text, request.long).all;
}

/** Returns the number of tokens that a request has as numbers: in `input` of embeddings, or in `prompt`. */
export function givenTokens({ input, prompt }: Record<string, unknown>): number {
  return numbersIn(input) + numbersIn(prompt);
}

function numbersIn(value: unknown): number {
  if (!Array.isArray(value)) return 0;
  if (typeof value[0] === "number") return value.length;
  return value.reduce<number>((sum, one) => sum + (Array.isArray(one) ? one.length : 0), 0);
}
