import { AppError } from "../../../errors.ts";
import { isObject } from "../../../wire/json.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { AnswerMemory } from "../answers/answer-memory.ts";
import { expandedRequest } from "../answers/expand-request.ts";
import type { ParsedRequest } from "../request.ts";
import { keepsState, type ProviderObjects } from "./provider-objects.ts";

/** A responses request, and the llms that can answer it. */
export interface PlacedRequest {
  request: ParsedRequest;
  candidates: readonly LlmRow[];
}

/**
 * Returns a responses request with the llms that can answer it. One that goes on with an answer or a conversation of a
 * provider goes to the llm that holds it. Otherwise the items to which the request refers come from the memory of answers.
 *
 * @param owner the user or token who makes the call
 * @throws AppError `not_found` for an object that is not the owner's, or that none of the llms holds
 */
export async function placedRequest(
  request: ParsedRequest,
  candidates: readonly LlmRow[],
  owner: string,
  objects: ProviderObjects,
  memory: AnswerMemory,
): Promise<PlacedRequest> {
  const stateful = candidates.filter(keepsState);
  if (stateful.length === 0) return { request: expandedRequest(request, owner, memory), candidates };
  const { previous_response_id: previous, background } = request.body;
  const conversation = conversationOf(request.body);
  let holders = stateful;
  const named = [
    ["/previous_response_id", "Previous response", previous],
    ["/conversation", "Conversation", conversation],
  ] as const;
  for (const [path, what, id] of named) {
    if (typeof id !== "string") continue;
    const holder = await objects.holder(owner, id, holders);
    // An answer of another llm, or one that was translated, may still be remembered here.
    const isRemembered = id === previous && conversation === undefined && memory.answer(owner, id);
    if (!holder && isRemembered) return { request: expandedRequest(request, owner, memory), candidates };
    if (!holder) throw unknownObject(what, id, path);
    holders = [holder];
  }
  const isHeld = holders !== stateful || background === true;
  return {
    request: expandedRequest(request, owner, memory, { keepsPrevious: holders !== stateful }),
    candidates: isHeld ? holders : candidates,
  };
}

/** Returns the id of the conversation that a request names; undefined where it names none. */
export function conversationOf({ conversation }: Record<string, unknown>): string | undefined {
  const id = isObject(conversation) ? conversation.id : conversation;
  return typeof id === "string" ? id : undefined;
}

/** Returns the error for an object that the caller does not have. It is the same for one that is somebody else's. */
export function unknownObject(what: string, id: string, path?: string): AppError {
  const message = `${what} with id '${id.slice(0, 80)}' not found`;
  return new AppError("not_found", message, path === undefined ? {} : { details: [{ path, message }] });
}
