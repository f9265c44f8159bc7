import { isDialect, type Operation } from "../../../wire/dialects/operations.ts";
import { capabilitiesOf } from "../../core/capabilities.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import { charactersOf, maxTokensOf, type ParsedRequest } from "../request.ts";
import { tokensOfRequest } from "../request-tokens.ts";

/** A part of a request that holds an image, in any dialect. Quotes inside of texts have a backslash before them. */
const imagePart = /(?<!\\)"type"\s*:\s*"(?:image_url|input_image|image)"/;

/** The members of a pool that can answer a call, and those that are tried only after them. */
export interface FittingMembers {
  first: readonly LlmRow[];
  last: readonly LlmRow[];
}

/**
 * Divides the members of a pool by what is known of them. Those that are known to see no images get no call with images,
 * unless none sees them. Those whose context is smaller than the estimated request and its answer come last, the largest
 * first; if the call fits none, only the largest get it.
 */
export function byFit(
  snapshot: Snapshot,
  members: readonly LlmRow[],
  operation: Operation,
  request: ParsedRequest,
): FittingMembers {
  if (members.length < 2 || !isDialect(operation)) return { first: members, last: [] };
  const { text, body } = request;
  const output = maxTokensOf(operation, body) ?? 0;
  const most = charactersOf(request) + output;
  const { isAnyBlind, smallestContext } = leastOf(snapshot, members);
  const hasImages = isAnyBlind && imagePart.test(text);
  // Most calls fit, and need no exact look.
  if (!hasImages && most <= smallestContext) return { first: members, last: [] };
  const seeing = hasImages
    ? members.filter((llm) => capabilitiesOf(snapshot, llm).vision !== false)
    : members;
  const able = seeing.length > 0 ? seeing : members;
  const contextOf = (llm: LlmRow) => capabilitiesOf(snapshot, llm).contextTokens ?? Number.POSITIVE_INFINITY;
  if (able.every((llm) => most <= contextOf(llm))) return { first: able, last: [] };
  const prompt = tokensOfRequest(request).all;
  const fits = (llm: LlmRow) => {
    const { maxOutputTokens = output } = capabilitiesOf(snapshot, llm);
    return prompt + Math.min(output, maxOutputTokens) <= contextOf(llm);
  };
  const first = able.filter(fits);
  const small = able.filter((llm) => !first.includes(llm)).sort((a, b) => contextOf(b) - contextOf(a));
  if (first.length > 0) return { first, last: small };
  return { first: small.filter((llm) => contextOf(llm) === contextOf(small[0]!)), last: [] };
}

/** Returns the smallest context of the members of a pool, and true if one of them is known to see no images. */
function leastOf(snapshot: Snapshot, members: readonly LlmRow[]) {
  let isAnyBlind = false;
  let smallestContext = Number.POSITIVE_INFINITY;
  for (const llm of members) {
    const { vision, contextTokens = Number.POSITIVE_INFINITY } = capabilitiesOf(snapshot, llm);
    if (vision === false) isAnyBlind = true;
    if (contextTokens < smallestContext) smallestContext = contextTokens;
  }
  return { isAnyBlind, smallestContext };
}
