import type { ResponsesAnswer } from "../../adapters/types.ts";
import { personalIds } from "../core/access/policy.ts";
import { oncePerObject } from "../core/once-per-object.ts";
import { type AnswerMemory, ownerBytes } from "./answers/answer-memory.ts";
import { inputOf } from "./answers/expand-request.ts";
import type { SealedMemory } from "./answers/sealed-origins.ts";
import type { CallContext, InferenceCall } from "./call.ts";
import { conversationOf } from "./provider-state/placed-request.ts";
import { charactersOf, type ParsedRequest } from "./request.ts";

/** Remembers an answer to a responses request, to which later requests of a principal can refer. */
export function remember(
  answers: AnswerMemory,
  principalId: string,
  request: ParsedRequest,
  answer: ResponsesAnswer,
): void {
  if (charactersOf(request) > ownerBytes) return;
  answers.remember(principalId, inputOf(request), answer);
}

/** Returns the function that takes the answer of a call. It holds the request only if that is remembered with the answer. */
export function answerTaker(
  sealed: SealedMemory,
  answers: AnswerMemory,
  { operation, principal }: InferenceCall,
  request: ParsedRequest,
): CallContext["onAnswer"] {
  const { store, previous_response_id: previous } = request.body;
  // Callers of other dialects, and one who forbids to store, send all items themselves. Of a conversation that the provider
  // keeps, only a part is here.
  const isRemembered =
    operation === "responses" &&
    store !== false &&
    typeof previous !== "string" &&
    !conversationOf(request.body);
  return isRemembered
    ? rememberingTaker(sealed, answers, personalIds(principal).id, request)
    : sealedTaker(sealed);
}

function rememberingTaker(
  sealed: SealedMemory,
  answers: AnswerMemory,
  principalId: string,
  request: ParsedRequest,
): CallContext["onAnswer"] {
  return (answer, llm) => {
    sealed.remember(llm.id, answer.output);
    remember(answers, principalId, request, answer);
  };
}

/** Returns the function for answers that nothing refers to. It is the same for all calls. */
const sealedTaker = oncePerObject(
  (sealed: SealedMemory): CallContext["onAnswer"] =>
    (answer, llm) =>
      sealed.remember(llm.id, answer.output),
);
