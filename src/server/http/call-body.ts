import { cutLongTexts } from "../../wire/cut-long-texts.ts";
import { isDialect, type Operation } from "../../wire/dialects/operations.ts";
import { refuseOtherCase } from "../../wire/field-case.ts";
import {
  type JsonLimits,
  maxJsonItems,
  parseExact,
  parseExactInTurns,
  type ScannedJson,
  scanJson,
} from "../../wire/json.ts";
import { largeText, nextTurn } from "../../wire/next-turn.ts";
import type { Deadlines } from "../core/deadlines.ts";
import {
  type BodyOf,
  maxDepth,
  objectOf,
  parse,
  readJsonBytes,
  refuseNoJson,
  scanned,
  textOf,
  tooLarge,
} from "./body.ts";

/**
 * The most bytes of a call besides its long texts, files and images: what is read in one turn of the event loop (T248).
 */
const maxRestBytes = 16 * 1024 * 1024;

/**
 * Reads and parses the body of a call to a model, compressed or not. Long texts of a large one are cut out of it, where
 * nothing but its provider reads them.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `timed_out` or `invalid_request`
 */
export async function readCall(
  call: BodyOf,
  deadlines: Deadlines,
  operation: Operation,
): Promise<ScannedJson> {
  const bytes = await readJsonBytes(call, deadlines, { inflate: true });
  if (bytes.length <= largeText) return parseCall(textOf(bytes), operation);
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const cut = isDialect(operation) ? await cutLongTexts(whole) : undefined;
  const rest = cut?.rest ?? whole;
  if (rest.length > maxRestBytes && isDialect(operation))
    throw tooLarge(maxRestBytes, "the body without its long texts, images and files");
  await nextTurn();
  const parsed = await parseCall(textOf(rest), operation);
  return cut ? { ...parsed, long: cut.long } : parsed;
}

/** The most elements in a call for embeddings, where texts may be lists of tokens. */
const maxEmbeddingItems = 1_000_000;
/** The most characters outside strings in such a call. */
const maxEmbeddingStructure = 8 * 1024 * 1024;

const callLimits: JsonLimits = { maxDepth };
const embeddingLimits: JsonLimits = {
  maxDepth,
  maxItems: maxEmbeddingItems,
  maxStructure: maxEmbeddingStructure,
  maxKeys: maxJsonItems,
};

/**
 * Parses the body of a call to a model, with the positions of its top-level values. Long integers keep their digits. For a
 * large text this takes several turns of the event loop (T60).
 *
 * @throws AppError `invalid_request`
 */
export function parseCall(text: string, operation: Operation): ScannedJson | Promise<ScannedJson> {
  const limits = operation === "embeddings" ? embeddingLimits : callLimits;
  if (text.length > largeText) return parseLarge(text, limits);
  const scan = scanJson(text, limits);
  refuseOtherCase(scan);
  return { text, scan, body: parse(text, parseExact) };
}

/** Scans and parses JSON text in turns of their own, and returns in another one. */
async function parseLarge(text: string, limits: JsonLimits): Promise<ScannedJson> {
  const scan = await scanned(text, limits);
  refuseOtherCase(scan);
  const body = objectOf(await parseExactInTurns(text).catch(refuseNoJson));
  await nextTurn();
  return { text, scan, body };
}
