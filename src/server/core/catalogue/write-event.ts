import { type Principal, tokenIdOf } from "../access/policy.ts";
import type { AuditEvent, Row } from "../store/types.ts";

/** One write to a row. */
export interface RowWrite {
  action: "create" | "update" | "delete";
  row: Row;
  principal: Principal;
  requestId: string;
  /** The fields that an update changed. */
  fields: readonly string[];
  /** Milliseconds since 1970. */
  at: number;
}

const statusOf = { create: 201, update: 200, delete: 204 } as const;

/** Builds the audit event of a write to a row. */
export function writeEvent({ action, row, principal, requestId, fields, at }: RowWrite): AuditEvent {
  return {
    at,
    action,
    requestId,
    userId: principal.userId,
    tokenId: tokenIdOf(principal),
    status: statusOf[action],
    detail: { kind: row.kind, name: row.name, id: row.id, ...(fields.length > 0 && { fields }) },
  };
}
