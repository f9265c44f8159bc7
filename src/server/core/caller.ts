import type { WriteOperation } from "../../kinds/define.ts";
import { impersonationOf, type Principal, tokenIdOf } from "./access/policy.ts";
import type { AuditEvent, Row } from "./store/types.ts";

/** The principal that makes a request, and the id of the request: an audit event has both. */
export interface Caller {
  principal: Principal;
  requestId: string;
}

/** Returns the audit event of an action of a caller. */
export function eventBy(
  { principal, requestId }: Caller,
  action: Pick<AuditEvent, "at" | "action" | "status" | "detail">,
): AuditEvent {
  const event = { ...action, requestId, userId: principal.userId || null, tokenId: tokenIdOf(principal) };
  return principal.impersonator
    ? { ...event, detail: { ...action.detail, ...impersonationOf(principal) } }
    : event;
}

/** Marks the event of a private row, whose name others must not learn when the row is deleted either (T117). */
export function ofPrivate(isPrivate: boolean): { private?: true } {
  return isPrivate ? { private: true } : {};
}

/** Returns what an audit event says about the row that it is about. */
export function subjectOf({
  kind,
  name,
  id,
  visibility,
}: Pick<Row, "kind" | "name" | "id"> & Partial<Pick<Row, "visibility">>): {
  kind: string;
  name: string;
  id: string;
  private?: true;
} {
  return { kind, name, id, ...ofPrivate(visibility === "private") };
}

const statuses: Record<WriteOperation, number> = { create: 201, update: 200, delete: 204 };

/**
 * Returns the audit event of a change of a row.
 *
 * @param at milliseconds since 1970
 * @param fields names of the fields whose values have changed
 * @param noted further facts about the change
 */
export function changeEvent(
  caller: Caller,
  action: WriteOperation,
  row: Parameters<typeof subjectOf>[0],
  at: number,
  fields: readonly string[] = [],
  noted: Readonly<Record<string, unknown>> = {},
): AuditEvent {
  const { kind, name, id, ...isPrivate } = subjectOf(row);
  const detail = { kind, name, id, ...(fields.length > 0 && { fields }), ...isPrivate, ...noted };
  return eventBy(caller, { at, action, status: statuses[action], detail });
}
