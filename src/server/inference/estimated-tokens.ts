import { countTokens } from "../../adapters/tokens/count-tokens.ts";
import type { LlmRow } from "../core/store/typed-rows.ts";
import type { CallRecord } from "./record.ts";
import type { ParsedRequest } from "./request.ts";

/** Answers with an estimate of the tokens of a request, for providers that cannot count them. */
export async function estimatedTokens(
  llm: LlmRow,
  { body }: ParsedRequest,
  record: CallRecord,
): Promise<Response> {
  record.facts.llm = llm;
  record.facts.model = llm.spec.model;
  const count = countTokens(body);
  await record.close(200);
  return Response.json(count);
}
