import { isObject } from "../../wire/json.ts";
import type { StreamFault } from "../types.ts";

type Fields = Record<string, unknown>;

/**
 * Returns embeddings as OpenAI's list, from the forms of other APIs: Ollama's and Cohere's `embeddings`, and the bare lists
 * of text-embeddings-inference (case 179). Returns undefined for anything else, and for OpenAI's own.
 */
export function embeddingList(body: unknown): Fields | undefined {
  const vectors = vectorsIn(body);
  if (!vectors) return undefined;
  const { model, prompt_eval_count: tokens } = (isObject(body) ? body : {}) as Fields;
  return {
    object: "list",
    data: vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
    ...(typeof model === "string" && { model }),
    ...(typeof tokens === "number" && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  };
}

function vectorsIn(body: unknown): unknown[] | undefined {
  if (Array.isArray(body)) {
    const inside = body.map((one) => (isObject(one) ? one["embedding"] : one));
    return inside.length > 0 && inside.every(isVector) ? inside : undefined;
  }
  if (!isObject(body) || body.data !== undefined) return undefined;
  const { embeddings } = body;
  const list = isObject(embeddings) ? embeddings["float"] : embeddings;
  return Array.isArray(list) && list.length > 0 && list.every(isVector) ? list : undefined;
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && typeof value[0] === "number";
}

/** Returns the fault of an answer without a single embedding. */
export function missingEmbeddings(body: unknown): StreamFault | undefined {
  const data = isObject(body) ? body.data : undefined;
  if (!Array.isArray(data) || data.some((one) => isObject(one) && hasVector(one))) return undefined;
  return { message: "the provider sent an answer without embeddings" };
}

/** Some APIs have several vectors for one input, in fields of their own. */
function hasVector({ object: _object, index: _index, ...vectors }: Fields): boolean {
  return Object.values(vectors).some((one) => one !== null && one !== undefined);
}
