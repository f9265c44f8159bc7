import { kindOf } from "../../kinds/index.ts";
import { isAdministrator, isVisible, type Principal } from "../core/access/policy.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { AuditEvent, Row } from "../core/store/types.ts";
import { billedUnits } from "../core/store/usage.ts";

/** An audit event as the API returns it to a principal; undefined if it names a row that the principal may not see. */
export function visibleEvent(
  snapshot: Snapshot,
  principal: Principal,
  event: AuditEvent,
): object | undefined {
  const hidden = subjects(snapshot, event).some((row) => !isVisible(principal, kindOf(row.kind).plural, row));
  if (hidden || (isOfGonePrivate(snapshot, event) && !isOwn(principal, event))) return undefined;
  const token = snapshot.nameOf(event.tokenId);
  return {
    ...event,
    ...liftedDetail(event),
    at: new Date(event.at).toISOString(),
    user: snapshot.nameOf(event.userId),
    ...(token !== null && { token }),
  };
}

/**
 * Returns the facts of a call that have no column of their own. They are in the detail, because few calls have them and
 * every column makes the insert that a call waits for more expensive.
 */
function liftedDetail({ action, costMicros, detail }: AuditEvent): object {
  if (action !== "llm_inference_call") return {};
  const { estimated, cacheWriteTokens } = detail ?? {};
  const units = billedUnits.filter((unit) => detail?.[unit] !== undefined);
  return {
    ...(costMicros !== undefined && { cost: costMicros / 1e6 }),
    ...(estimated === true && { estimated }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...Object.fromEntries(units.map((unit) => [unit, detail?.[unit]])),
  };
}

/** True if an event is about a private row that no longer exists, also if another row has its name by now (T117). */
function isOfGonePrivate(snapshot: Snapshot, { at, llm, poolMember, detail }: AuditEvent): boolean {
  if (!detail?.["private"]) return false;
  const id = detail["id"];
  if (id !== undefined && !snapshot.byId.has(String(id))) return true;
  const called = poolMember ?? llm;
  const row = called === undefined ? undefined : snapshot.named("llm", called);
  return called !== undefined && (row === undefined || row.createdAt > at);
}

function isOwn(principal: Principal, { userId }: AuditEvent): boolean {
  return userId === principal.userId || isAdministrator(principal);
}

/** The rows that an event names and that still exist: others must not learn of a private one (T52). */
function subjects(snapshot: Snapshot, { llm, poolMember, detail }: AuditEvent): Row[] {
  const called = [llm, poolMember].map((name) => name && snapshot.named("llm", name));
  return [...called, snapshot.byId.get(String(detail?.["id"]))].filter((row) => typeof row === "object");
}
