import { estimateTokens } from "../../adapters/tokens/token-estimate.ts";
import { ByteBuffer } from "../../wire/byte-buffer.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { type MeasuredRequest, tokensOfRequest } from "./request-tokens.ts";

/** Text of a model in the frames and bodies of every dialect. The last string may be cut. */
const modelText =
  /"(?:content|text|refusal|reasoning|reasoning_content|thinking|arguments|partial_json|delta)"\s*:\s*"((?:[^"\\]|\\.)*)/g;

const nothing = new Uint8Array(0);

/** The beginning of a stream, from which the rest is estimated. Bytes. */
const sampleBytes = 2048;
/** The same of a whole body. */
const wholeSampleBytes = 64 * 1024;

/** The size of a request that was sent to a provider. */
export interface SentRequest {
  characters: number;
  /** An estimate from its length. */
  promptTokens: number;
  /** The tokens of its text alone, which no report is far below. A small image may have few tokens. */
  textTokens: number;
  /** The most output tokens that it allows, if it sets a limit. */
  maxTokens: number | undefined;
  /** The dearer service that it asks for. */
  tier?: Usage["tier"];
}

/**
 * Measures a request that is sent to a provider.
 *
 * @param given the number of its tokens that it has as numbers
 */
export function sentRequest(request: MeasuredRequest, maxTokens: number | undefined, given = 0): SentRequest {
  const tokens = tokensOfRequest(request);
  return {
    characters: request.text.length + (request.long?.characters ?? 0),
    promptTokens: Math.max(tokens.all, given),
    textTokens: Math.max(tokens.text, given),
    maxTokens,
  };
}

/** Measures a form with files that is sent to a provider, by its size in characters of text. */
export function sentForm(characters: number): SentRequest {
  const promptTokens = Math.ceil(characters / 4);
  return { characters, promptTokens, textTokens: promptTokens, maxTokens: undefined };
}

function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString();
}

/** Estimates the tokens of the model's text in a response. */
export function tokensOfResponse(text: string): number {
  return estimateTokens(Array.from(text.matchAll(modelText), ([, words]) => words).join(""));
}

/** The bytes of a streamed response as they pass, for an estimate where the provider does not report its usage. */
export class ReceivedBytes {
  #total = 0;
  /** The beginning of a stream until it is whole, copied: pieces are parts of larger buffers. */
  #beginning: ByteBuffer | undefined;
  /** The tokens of the beginning, once it is whole. A stream may be long, and the bytes would stay with it. */
  #tokensOfBeginning: number | undefined;
  #whole: Uint8Array = nothing;

  /** Number of bytes so far. */
  get total(): number {
    return this.#total;
  }

  /** Adds a piece of a stream. */
  add(bytes: Uint8Array): void {
    const missing = sampleBytes - this.#total;
    if (missing > 0) {
      this.#beginning ??= new ByteBuffer();
      this.#beginning.append(bytes.length > missing ? bytes.subarray(0, missing) : bytes);
      if (bytes.length >= missing) {
        this.#tokensOfBeginning = tokensOfResponse(textOf(this.#beginning.bytes));
        this.#beginning = undefined;
      }
    }
    this.#total += bytes.length;
  }

  /** Takes a whole body, without a copy. The sample of a large one is its beginning: reading all would take long (T70). */
  addWhole(bytes: Uint8Array): void {
    this.#whole = bytes.length > wholeSampleBytes ? bytes.subarray(0, wholeSampleBytes) : bytes;
    this.#total = bytes.length;
  }

  /** Returns the estimated tokens of all bytes: those of the beginning, in proportion. */
  tokens(): number {
    if (this.#total === 0) return 0;
    if (this.#tokensOfBeginning !== undefined)
      return Math.ceil((this.#tokensOfBeginning * this.#total) / sampleBytes);
    const sample = this.#beginning?.bytes ?? this.#whole;
    return Math.ceil((tokensOfResponse(textOf(sample)) * this.#total) / sample.length);
  }
}
