import { AppError } from "../../../errors.ts";
import type { ChatCompletion } from "../../../wire/dialects/chat.ts";
import { faultOf } from "../../provider-fault.ts";
import type { Fields } from "../request-fields.ts";
import { garbage } from "../translated-pipe.ts";
import { echoOf, endingOf, idsOf, responsesUsageOf, tierOf } from "./answer.ts";
import { type AnswerPiece, OutputItems } from "./output.ts";
import { callersTools } from "./tool-namespaces.ts";

/**
 * A chat completion as the answer of a responses call.
 *
 * @param model What the caller asked for.
 * @param request The caller's own.
 * @param now Seconds since 1970.
 * @throws AppError `provider_error`
 */
export function responseOf(body: unknown, model: string, request: Fields, now: number): Fields {
  const completion = (body ?? {}) as ChatCompletion;
  const choice = Array.isArray(completion.choices) ? completion.choices[0] : undefined;
  if (!choice?.message) {
    const fault = faultOf(body);
    throw fault ? new AppError("provider_error", fault.message) : garbage("sent an answer without choices");
  }
  const ids = idsOf(completion.id);
  const items = new OutputItems(ids, callersTools(request), () => {});
  const { tool_calls } = choice.message;
  const calls = Array.isArray(tool_calls) ? tool_calls.map((call, index) => ({ ...call, index })) : [];
  items.add({ ...choice.message, tool_calls: calls } as AnswerPiece);
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
