import { nativePathFor } from "../../adapters/index.ts";
import { countInputTokensInTurns } from "../../adapters/tokens/count-input-tokens.ts";
import { countTokensInTurns } from "../../adapters/tokens/count-tokens.ts";
import type { CountingOperation } from "../../wire/dialects/operations.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import { providerOf } from "./provider.ts";
import type { CallRecord } from "./record.ts";
import type { ParsedRequest } from "./request.ts";

const counters = { count_tokens: countTokensInTurns, input_tokens: countInputTokensInTurns } as const;

/** True if the provider of an llm counts tokens itself. */
export function counts(llm: LlmRow, operation: CountingOperation): boolean {
  const provider = providerOf(llm);
  return nativePathFor(provider.adapter, operation, provider.quirksOf(llm.spec.model)) !== undefined;
}

/** Answers with an estimate of the tokens of a request, for providers that cannot count them. Throws AppError. */
export async function estimatedTokens(
  llm: LlmRow,
  { body, long }: ParsedRequest,
  operation: CountingOperation,
  record: CallRecord,
): Promise<Response> {
  record.facts.llm = llm;
  record.facts.model = llm.spec.model;
  const count = await counters[operation](body, long);
  await record.close(200);
  return Response.json(count);
}
