import type { Quirks } from "../../../adapters/quirks/types.ts";
import { isObject } from "../../../wire/json.ts";
import { type Principal, personalIds } from "../../core/access/policy.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { CallContext } from "../call.ts";
import type { ParsedRequest } from "../request.ts";
import { isRunning } from "./background-usage.ts";
import { pendingText } from "./pending-call.ts";
import { conversationOf } from "./placed-request.ts";
import type { ProviderObjects } from "./provider-objects.ts";

/** True if the provider keeps the answer to a call for its caller. Translated calls have `quirks` too, and no state. */
export function isKept({ call, request }: CallContext, isTranslated: boolean, quirks: Quirks): boolean {
  const isNative = call.operation === "responses" && !isTranslated;
  return isNative && quirks.keepsState === true && request.body["store"] !== false;
}

/** Notes whose a whole answer is, before its caller gets it. Throws AppError if that cannot be stored. */
export async function keepAnswer(context: CallContext, llm: LlmRow, body: unknown): Promise<void> {
  if (!isObject(body) || typeof body.id !== "string") return;
  const pending = isRunning(body) ? awaitUsage(context, llm, body.id) : null;
  if (pending === null) measureLater(context, body.id);
  await context.objects.keep(personalIds(context.call.principal).id, body.id, llm, "response", pending);
}

/** Notes whose a streamed answer is, by its first frame. */
export function keepStreamed(context: CallContext, llm: LlmRow, id: string): void {
  const pending = context.request.body["background"] === true ? awaitUsage(context, llm, id) : null;
  if (pending === null) measureLater(context, id);
  // It can be used at once. If the database fails, so does the audit event, and with it the call.
  context.objects.keep(personalIds(context.call.principal).id, id, llm, "response", pending).catch(() => {});
}

/** Returns the tokens of the kept answer or conversation with which a request goes on. */
export function keptTokens({ body }: ParsedRequest, principal: Principal, objects: ProviderObjects): number {
  const { previous_response_id: previous } = body;
  const id = typeof previous === "string" ? previous : conversationOf(body);
  return id === undefined ? 0 : objects.tokensOf(personalIds(principal).id, id);
}

/** Measures the answer of a call, and its conversation, once its usage is known (T375). */
function measureLater({ call, record, request, objects }: CallContext, id: string): void {
  const owner = personalIds(call.principal).id;
  const conversation = conversationOf(request.body);
  record.onUsage = ({ promptTokens, completionTokens }) => {
    for (const one of conversation === undefined ? [id] : [id, conversation])
      objects.measure(owner, one, promptTokens + completionTokens);
  };
}

/**
 * The answer goes on when the caller has left: what it uses is known, and booked, when it has ended. Returns what is stored
 * of its call.
 */
function awaitUsage({ call, record, background }: CallContext, llm: LlmRow, id: string): string {
  const { principal, requestId } = call;
  const { admission, sent } = record;
  const answer = { principal, requestId, llm, model: record.facts.model, id, admission, sent };
  background.add(answer);
  record.admission = undefined;
  record.sent = undefined;
  return pendingText(answer);
}
