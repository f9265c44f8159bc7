import { lastSealedIn } from "../../adapters/translation/sealed-items.ts";
import { operationNames, operations } from "../../wire/dialects/operations.ts";
import { largeText } from "../../wire/next-turn.ts";
import { isVirtual, type LlmRow } from "../core/store/typed-rows.ts";
import type { RequestHead } from "../http/http1/request-head.ts";
import { queueLimitsOf } from "../inference/pools/queue.ts";
import { providerOf } from "../inference/provider.ts";

/** The operations of workers: those that need nothing but the request. Answers of `responses` are kept in the database. */
const workerOperations = operationNames.filter(
  (name) => !operations[name].isForm && name !== "responses" && name !== "input_tokens",
);

const workerPaths: ReadonlySet<string> = new Set(
  workerOperations.flatMap((name) => [operations[name].path, ...(operations[name].aliases ?? [])]),
);

/** True for a request that a worker reads. It may still turn out to be one for the main thread. */
export function isWorkerCall({
  method,
  target,
  contentLength = 0,
  isUpgrade,
  expectsContinue,
}: RequestHead): boolean {
  // Without a length the body comes in parts, and may become large: its memory is counted in one place.
  const isSmall = contentLength > 0 && contentLength <= largeText;
  return method === "POST" && isSmall && workerPaths.has(target) && !isUpgrade && !expectsContinue;
}

/**
 * True for an llm that only the main thread calls: it has the links of agents, runs commands, and lets the calls of an llm
 * with a limit wait for each other.
 */
function isOfMainThread(llm: LlmRow): boolean {
  if (isVirtual(llm) || queueLimitsOf(llm).maxConcurrent !== Number.POSITIVE_INFINITY) return true;
  try {
    return providerOf(llm).adapter.isCommand === true;
  } catch {
    // A type that this version cannot call: the error is the same everywhere.
    return false;
  }
}

/**
 * True for a call that a worker passes on to the main thread. A conversation with sealed reasoning stays at the member of a
 * pool that wrote it, which the main thread knows of all answers (case 98).
 */
export function isForMainThread(
  candidates: readonly LlmRow[],
  { messages }: Readonly<Record<string, unknown>>,
): boolean {
  return candidates.some(isOfMainThread) || (candidates.length > 1 && lastSealedIn(messages) !== undefined);
}
