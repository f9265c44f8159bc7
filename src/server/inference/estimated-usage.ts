import { estimateTokens } from "../../adapters/tokens/token-estimate.ts";
import { ByteBuffer } from "../../wire/byte-buffer.ts";
import type { Usage } from "../../wire/dialects/usage.ts";
import { type MeasuredRequest, tokensOfRequest } from "./request-tokens.ts";

/** Text of a model in the frames and bodies of every dialect. The last string may be cut. */
const modelText =
  /"(?:content|text|refusal|reasoning|reasoning_content|summary|thinking|arguments|partial_json|input|code|transcript|delta)"\s*:\s*"((?:[^"\\]|\\.)*)/g;

const nothing = new Uint8Array(0);

/** The beginning of a stretch of a stream, from which the rest of the stretch is estimated. Bytes. */
const sampleBytes = 2048;
/** A stretch with its sample. One sample for all would count nothing where a stream begins with an echo of its request. */
const stretchBytes = 8 * 1024;
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
 * @param tokens its tokens, where they are known
 */
export function sentRequest(
  request: MeasuredRequest,
  maxTokens: number | undefined,
  given = 0,
  tokens = tokensOfRequest(request),
): SentRequest {
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
  /** The sample under way, copied: pieces are parts of larger buffers. */
  #sample: ByteBuffer | undefined;
  /** The tokens of what came before the sample. */
  #tokens = 0;
  /** The tokens of a byte, by the last sample. */
  #rate = 0;
  /** Bytes until the next sample. */
  #rest = 0;
  #whole: Uint8Array = nothing;

  /** Number of bytes so far. */
  get total(): number {
    return this.#total;
  }

  /** Adds a piece of a stream. */
  add(bytes: Uint8Array): void {
    this.#total += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const start = at;
      if (this.#rest > 0) {
        at = Math.min(start + this.#rest, bytes.length);
        this.#rest -= at - start;
        this.#tokens += (at - start) * this.#rate;
      } else {
        this.#sample ??= new ByteBuffer();
        at = Math.min(start + sampleBytes - this.#sample.bytes.length, bytes.length);
        this.#sample.append(bytes.subarray(start, at));
        if (this.#sample.bytes.length === sampleBytes) this.#endSample(this.#sample);
      }
    }
  }

  #endSample(sample: ByteBuffer): void {
    const tokens = tokensOfResponse(textOf(sample.bytes));
    this.#sample = undefined;
    this.#tokens += tokens;
    this.#rate = tokens / sampleBytes;
    // What has no text tells nothing about what follows.
    this.#rest = tokens > 0 ? stretchBytes - sampleBytes : 0;
  }

  /** Takes a whole body, without a copy. The sample of a large one is its beginning: reading all would take long (T70). */
  addWhole(bytes: Uint8Array): void {
    this.#whole = bytes.length > wholeSampleBytes ? bytes.subarray(0, wholeSampleBytes) : bytes;
    this.#total = bytes.length;
  }

  /** Returns the estimated tokens of all bytes: those of the samples, in proportion. */
  tokens(): number {
    const whole = this.#whole;
    if (whole.length > 0) return Math.ceil((tokensOfResponse(textOf(whole)) * this.#total) / whole.length);
    return Math.ceil(this.#tokens + (this.#sample ? tokensOfResponse(textOf(this.#sample.bytes)) : 0));
  }
}
