import { type Fields, isGiven, listAt, objectAt, refused } from "../translation/request-fields.ts";
import { estimateTokens } from "./token-estimate.ts";

/** Tokens of a conversation, a message and a tool besides their text: models put marks around them. */
export const conversationOverhead = 3;
export const messageOverhead = 4;
export const toolOverhead = 8;

/** Anthropic scales an image down to this edge, in pixels, and counts one token for so many of its pixels. */
const longestEdge = 1_568;
const pixelsPerToken = 750;
/** The most tokens of an image; also the tokens of an image of unknown size. */
const largestImage = 1_600;

/** Bytes and tokens of a page of a PDF, by experience. */
const bytesPerPage = 50_000;
const tokensPerPage = 2_000;

/** Characters of base64 that hold the size of an image: a JPEG may have a long head before it. */
const headCharacters = 128 * 1024;

/**
 * Estimates the tokens of a messages request, for providers without Anthropic's `count_tokens`: of its system prompt,
 * messages and tools. Text is within 15 % of OpenAI's tokenizers in English, German and source code; images are counted
 * by their size, PDFs by their bytes.
 *
 * @param body A messages request.
 * @throws AppError `invalid_request` without messages
 */
export function countTokens(body: Fields): { input_tokens: number } {
  if (!Array.isArray(body.messages) || body.messages.length === 0) {
    throw refused("/messages", "messages is required");
  }
  let tokens = conversationOverhead + contentTokens(body.system);
  body.messages.forEach((message, index) => {
    tokens += messageOverhead + contentTokens(objectAt(message, `/messages/${index}`).content);
  });
  const tools = isGiven(body.tools) ? listAt(body.tools, "/tools") : [];
  for (const tool of tools) tokens += toolOverhead + jsonTokens(tool);
  return { input_tokens: Math.max(1, tokens) };
}

/** Returns the tokens of a message, of the system prompt or of a tool's result. */
export function contentTokens(content: unknown): number {
  if (!isGiven(content)) return 0;
  if (typeof content === "string") return estimateTokens(content);
  if (!Array.isArray(content)) return jsonTokens(content);
  let tokens = 0;
  for (const block of content) tokens += blockTokens(block as Fields | null);
  return tokens;
}

function blockTokens(block: Fields | null): number {
  switch (block?.type) {
    case "text":
      return contentTokens(block.text);
    case "image":
      return imageTokens(block.source as Fields | null);
    case "document":
      return contentTokens(block.title) + contentTokens(block.context) + documentTokens(block.source);
    case "tool_use":
      return toolOverhead + contentTokens(block.name) + jsonTokens(block.input);
    case "tool_result":
      return toolOverhead + contentTokens(block.content);
    case "thinking":
      return contentTokens(block.thinking);
    case "redacted_thinking":
      return 0;
    default:
      return jsonTokens(block);
  }
}

function documentTokens(value: unknown): number {
  const source = (value ?? {}) as Fields;
  if (source.type === "text") return contentTokens(source.data);
  if (source.type === "content") return contentTokens(source.content);
  const bytes = typeof source.data === "string" ? source.data.length * 0.75 : 0;
  return Math.max(1, Math.ceil(bytes / bytesPerPage)) * tokensPerPage;
}

function imageTokens(source: Fields | null): number {
  return encodedImageTokens(source?.type === "base64" && typeof source.data === "string" ? source.data : "");
}

/** Returns the tokens of an image in base64; the most that an image has for "". */
export function encodedImageTokens(data: string): number {
  const size = sizeOf(Buffer.from(data.slice(0, headCharacters), "base64"));
  if (!size) return largestImage;
  const scale = Math.min(1, longestEdge / Math.max(size.width, size.height));
  const tokens = Math.ceil((size.width * scale * size.height * scale) / pixelsPerToken);
  return Math.min(largestImage, Math.max(1, tokens));
}

/** Reads the size of a PNG, GIF, WebP or JPEG in pixels from its first bytes; returns undefined for anything else. */
function sizeOf(bytes: Buffer): { width: number; height: number } | undefined {
  if (bytes.length < 30) return undefined;
  if (bytes.readUInt32BE(0) === 0x89504e47) {
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  const text = bytes.toString("latin1", 0, 16);
  if (text.startsWith("GIF8")) return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) return webpSize(bytes, text.slice(12));
  return bytes.readUInt16BE(0) === 0xffd8 ? jpegSize(bytes) : undefined;
}

function webpSize(bytes: Buffer, form: string): { width: number; height: number } {
  if (form === "VP8X") return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  if (form === "VP8L") {
    const bits = bytes.readUInt32LE(21);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
}

function jpegSize(bytes: Buffer): { width: number; height: number } | undefined {
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    // The tables with these three markers stand in the range of the frames' heads.
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

export function jsonTokens(value: unknown): number {
  return isGiven(value) ? estimateTokens(JSON.stringify(value)) : 0;
}
