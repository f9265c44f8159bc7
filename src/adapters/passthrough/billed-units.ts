import type { PassedOperation } from "../../wire/dialects/operations.ts";
import { presentCounts, type Usage } from "../../wire/dialects/usage.ts";
import type { ScannedForm } from "../../wire/form.ts";
import { isObject } from "../../wire/json.ts";
import { soundLength } from "./sound-length.ts";

/** Units besides tokens that a provider bills. */
export type BilledUnits = Pick<
  Usage,
  "images" | "seconds" | "characters" | "searches" | "fileSearches" | "containers"
>;

/** A request of an operation that only passes through. A form has its short fields in `body`. */
interface PassedRequest {
  body: Record<string, unknown>;
  form?: ScannedForm;
}

/** The most images that are counted for one request. */
const maxImages = 128;
/** Documents of one search: https://docs.cohere.com/docs/rerank-overview */
const documentsOfSearch = 100;

/** Returns the units that a request asks for: the provider bills them whatever its answer says. */
export function requestedUnits(operation: PassedOperation, { body, form }: PassedRequest): BilledUnits {
  switch (operation) {
    case "speech":
      return presentCounts({ characters: lengthOf(body["input"]) });
    case "transcriptions":
    case "translations":
      return form ? presentCounts({ seconds: secondsIn(form) }) : {};
    case "images":
    case "image_edits":
    case "image_variations":
      return { images: imagesIn(body["n"]) };
    case "rerank":
      return { searches: searchesIn(body["documents"]) };
    default:
      return {};
  }
}

/** Returns the units that an answer tells. */
export function toldUnits(operation: PassedOperation | undefined, answer: unknown): BilledUnits {
  if (!isObject(answer)) return {};
  const { usage, data, duration, meta } = answer;
  const counts = isObject(usage) ? usage : {};
  const isImages = operation?.startsWith("image") === true && Array.isArray(data);
  const billed = isObject(meta) && isObject(meta.billed_units) ? meta.billed_units : {};
  return presentCounts({
    images: isImages ? (data as unknown[]).length : 0,
    // Of OpenAI, of Mistral, and of an answer in the form verbose_json.
    seconds: counts["seconds"] ?? counts["prompt_audio_seconds"] ?? Number(duration ?? 0),
    // Of Cohere.
    searches: billed["search_units"],
  });
}

/** A length in seconds that is told is not believed where the file is this many times as long. */
const unbelievable = 8;

/**
 * Returns the units that count: what the provider tells, else what was asked for. Only of seconds a provider says that it
 * bills them; `countedHere` is false then.
 */
export function usedUnits(
  asked: BilledUnits,
  told: BilledUnits,
): { units: BilledUnits; countedHere: boolean } {
  const { seconds: heard = 0 } = told;
  const isDoubted = heard * unbelievable < (asked.seconds ?? 0);
  const believed = isDoubted ? { ...told, seconds: asked.seconds! } : told;
  return { units: { ...asked, ...believed }, countedHere: isDoubted || heard === 0 };
}

/** The number of characters as people count them: an emoji of two halves is one. */
function lengthOf(text: unknown): number {
  if (typeof text !== "string") return 0;
  let pairs = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0xd8_00 && code <= 0xdb_ff) pairs++;
  }
  return text.length - pairs;
}

function imagesIn(n: unknown): number {
  const count = Number(n ?? 1);
  return count >= 1 ? Math.min(Math.ceil(count), maxImages) : 1;
}

function searchesIn(documents: unknown): number {
  const count = Array.isArray(documents) ? documents.length : 1;
  return Math.max(1, Math.ceil(count / documentsOfSearch));
}

/** Returns the length of the file of a form in seconds. */
function secondsIn({ bytes, fields }: ScannedForm): number {
  const file = fields.find(({ name, isFile }) => name === "file" && isFile);
  return file
    ? soundLength(Buffer.from(bytes.buffer, bytes.byteOffset + file.start, file.end - file.start))
    : 0;
}
