import type { LongTexts } from "../../wire/long-texts.ts";
import { charactersOf, type ParsedRequest } from "./request.ts";
import { filesOfRequest } from "./request-files.ts";

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
const image = /"type"\s*:\s*"(?:image|image_url|input_image)"/g;
/** A request whose tokens are estimated. */
export interface MeasuredRequest {
  /** The JSON. */
  text: string;
  /** The same, parsed, or the request from which it was translated. */
  body: Record<string, unknown>;
  /** The long texts that were cut out of both. */
  long?: LongTexts | undefined;
}

/**
 * Estimates the tokens of a request by its size: files and images are not text. It is larger than it may seem for texts that
 * are not English, because many of their letters are tokens of their own (T284).
 */
export function tokensOfRequest({ text, body, long }: MeasuredRequest): RequestTokens {
  const files = filesOfRequest(body, text, long);
  const bytes = Math.max(0, Buffer.byteLength(text) + (long?.size ?? 0) - files.bytes);
  const images = text.includes("image") ? text.match(image)?.length : undefined;
  const tokens = Math.ceil(bytes / bytesPerToken);
  return { text: tokens, all: tokens + Math.ceil(files.tokens) + tokensOfImage * (images ?? 0) };
}

/** Estimates the tokens of a request before it is known which llm gets it. */
export function tokensOfCall(request: ParsedRequest): RequestTokens {
  if (!request.form) return tokensOfRequest(request);
  const tokens = Math.ceil(charactersOf(request) / bytesPerToken);
  return { text: tokens, all: tokens };
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
