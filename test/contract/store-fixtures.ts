import {
  type AuditEvent,
  type Refusal,
  type Row,
  type Session,
  type Store,
  StoreError,
  type Write,
} from "../../src/server/core/store/types.ts";

/** A row of kind llm, named after its id, unless told otherwise. */
export function row(id: string, fields: Partial<Row> = {}): Row {
  return {
    id,
    kind: "llm",
    scope: "",
    name: id,
    owner: null,
    visibility: null,
    spec: {},
    status: {},
    version: 1,
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
    ...fields,
  };
}

/** An event that succeeded, by nobody. */
export function event(at: number, fields: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at,
    action: "create",
    requestId: `request-${at}`,
    userId: null,
    tokenId: null,
    status: 200,
    ...fields,
  };
}

export const insert = (id: string, fields: Partial<Row> = {}, to: string[] = []): Write => ({
  op: "insert",
  row: row(id, fields),
  refs: to.map((toId) => ({ path: `/${toId}`, toId, onDelete: "restrict" })),
});

export const update = (id: string, version: number, fields: Partial<Row> = {}, to: string[] = []): Write => ({
  ...(insert(id, { version, ...fields }, to) as Extract<Write, { op: "insert" }>),
  op: "update",
});

export const remove = (id: string, version = 1): Write => ({ op: "delete", id, version });

export const session = (id: string, userId: string, expiresAt = 2_000): Session => ({
  id,
  hash: `hash of ${id}`,
  userId,
  createdAt: 1_000,
  expiresAt,
  impersonatorId: null,
  impersonatorSessionId: null,
});

export const backend = (isDefault: boolean) => ({
  kind: "secretbackend",
  spec: { type: "plaintext", isDefault },
});

/** The reason why a store refuses a commit; `none` if it does not. */
export async function refusalOf(store: Store, writes: readonly Write[]): Promise<Refusal | "none"> {
  try {
    await store.commit(writes);
    return "none";
  } catch (error) {
    if (error instanceof StoreError) return error.refusal;
    throw error;
  }
}
