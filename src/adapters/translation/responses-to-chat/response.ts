import { readCompletion } from "../chat-answer.ts";
import type { NewId } from "../new-id.ts";
import type { Fields } from "../request-fields.ts";
import { echoOf, endingOf, idsOf, responsesUsageOf, tierOf } from "./answer.ts";
import { OutputItems } from "./output.ts";
import { callersTools } from "./tool-namespaces.ts";

/**
 * Translates a chat completion to the answer of a responses call.
 *
 * @param model The name by which the caller called the model.
 * @param request The caller's request.
 * @param now Seconds since 1970.
 * @throws AppError `provider_error`
 */
export function responseOf(body: unknown, model: string, request: Fields, now: number, newId: NewId): Fields {
  const { completion, choice, message } = readCompletion(body);
  const ids = idsOf(newId);
  const items = new OutputItems(ids, callersTools(request), model, () => {});
  items.add(message, true);
  const { status, incomplete_details } = endingOf(choice.finish_reason);
  items.end(status);
  return {
    id: ids.response,
    object: "response",
    created_at: now,
    status,
    completed_at: status === "completed" ? now : null,
    error: null,
    incomplete_details,
    output: items.output,
    usage: responsesUsageOf(completion.usage),
    service_tier: tierOf(completion.service_tier, request),
    ...echoOf(request, model),
  };
}
