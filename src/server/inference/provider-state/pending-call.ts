import { groupsOf } from "../../core/access/principals.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import type { ProviderObject } from "../../core/store/types.ts";
import type { SentRequest } from "../estimated-usage.ts";
import type { Amount } from "../limits/account.ts";
import type { Limiter } from "../limits/limiter.ts";
import type { BackgroundAnswer } from "./background-usage.ts";

/** The part of a background answer's call that is kept, so that it is booked after a restart. It has no content. */
interface PendingCall {
  principal: Pick<
    BackgroundAnswer["principal"],
    "kind" | "id" | "name" | "userId" | "userName" | "makers" | "handover" | "impersonator"
  >;
  requestId: string;
  model: string | undefined;
  sent: SentRequest | undefined;
  reserved: Readonly<Amount>;
}

/** Returns the call of an answer as text for the database. */
export function pendingText({ principal, requestId, model, admission, sent }: BackgroundAnswer): string {
  const { kind, id, name, userId, userName, makers, handover, impersonator } = principal;
  const call: PendingCall = {
    principal: {
      kind,
      id,
      name,
      userId,
      userName,
      ...(makers && { makers }),
      ...(handover !== undefined && { handover }),
      ...(impersonator && { impersonator }),
    },
    requestId,
    model,
    sent,
    reserved: admission?.reserved ?? { tokens: 0, costMicros: 0 },
  };
  return JSON.stringify(call);
}

/**
 * Returns the answer of an earlier run of the server, with what its call had reserved reserved again; undefined if its
 * llm is gone. Its caller has no rights by this.
 */
export function answerOfEarlierRun(
  { id, llmId, pending }: ProviderObject,
  snapshot: Snapshot,
  limits: Pick<Limiter, "reserve">,
): BackgroundAnswer | undefined {
  const llm = snapshot.byId.get(llmId) as LlmRow | undefined;
  if (!llm || pending === null) return undefined;
  const { principal, reserved, ...call } = JSON.parse(pending) as PendingCall;
  return {
    ...call,
    id,
    llm,
    principal: { ...principal, groups: groupsOf(snapshot, principal.userId), policies: [] },
    admission: limits.reserve(principal, reserved),
  };
}
