import { AppError } from "../errors.ts";
import type { Operation } from "./dialects/operations.ts";
import { parseExact, parseExactInTurns } from "./exact-json.ts";
import { refuseOtherCase } from "./field-case.ts";
import {
  isObject,
  type JsonLimits,
  type JsonScan,
  manyItems,
  maxJsonItems,
  type ScannedJson,
  scanJson,
  scanJsonInTurns,
} from "./json.ts";
import { largeText, nextTurn } from "./next-turn.ts";

/** The levels of a body. */
export const maxDepth = 64;

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
  if (scan.items > manyItems) return parseLater(text, scan, limits);
  refuseOtherCase(scan);
  return { text, scan, body: parsedBody(text, parseExact) };
}

async function parseLater(text: string, scan: JsonScan, limits: JsonLimits): Promise<ScannedJson> {
  await nextTurn();
  return parseScanned(text, scan, limits);
}

/** Scans and parses JSON text in turns of their own, and returns in another one. */
async function parseLarge(text: string, limits: JsonLimits): Promise<ScannedJson> {
  return parseScanned(text, await scannedJson(text, limits), limits);
}

/** Parses JSON text that was scanned in another turn, and returns in a later one. */
async function parseScanned(text: string, scan: JsonScan, limits: JsonLimits): Promise<ScannedJson> {
  refuseOtherCase(scan);
  // A call for embeddings is never written anew, and to keep the digits of its million tokens takes a quarter of a second.
  const parse = limits === embeddingLimits ? async () => JSON.parse(text) : () => parseExactInTurns(text);
  const body = objectOf(await parse().catch(refuseNoJson));
  await nextTurn();
  return { text, scan, body };
}

/** Scans JSON text; a large one in several turns of the event loop, and the next turn has begun when it returns. */
export async function scannedJson(text: string, limits: JsonLimits): Promise<JsonScan> {
  if (text.length <= largeText) return scanJson(text, limits);
  await nextTurn();
  const scan = await scanJsonInTurns(text, limits);
  await nextTurn();
  return scan;
}

/** Parses a body that must be an object. Throws AppError `invalid_request`, which repeats nothing of it. */
export function parsedBody(text: string, parser: (text: string) => unknown): Record<string, unknown> {
  let value: unknown;
  try {
    value = parser(text);
  } catch (error) {
    refuseNoJson(error as Error);
  }
  return objectOf(value);
}

/** The message of the engine quotes the body, which may have a secret. */
function refuseNoJson({ name }: Error): never {
  throw new AppError("invalid_request", "the body is not valid JSON", { cause: name });
}

function objectOf(value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw new AppError("invalid_request", "the body must be a JSON object");
  return value;
}
