import type { Operation } from "../../../wire/dialects/operations.ts";
import { parseCall } from "../../../wire/parse-call.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { PersonaRow } from "../../core/store/typed-rows.ts";
import type { ParsedRequest } from "../request.ts";
import type { ChatMessage } from "../threads/threads.ts";
import { personaRequestText } from "./persona-request.ts";

/**
 * Returns a request with the prompt and the default parameters of a persona.
 *
 * @param history earlier messages of the thread
 * @throws AppError `invalid_request`
 */
export async function toPersona(
  request: ParsedRequest,
  operation: Operation,
  persona: PersonaRow,
  snapshot: Snapshot,
  history: readonly ChatMessage[] = [],
): Promise<ParsedRequest> {
  const text = personaRequestText(request, operation, persona, snapshot, history);
  return { ...request, ...(text !== request.text && (await parseCall(text, operation))), persona };
}
