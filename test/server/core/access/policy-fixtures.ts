import type { Policy, Principal } from "../../../../src/server/core/access/policy.ts";
import type { Row } from "../../../../src/server/core/store/types.ts";

/** The roles of a grant. */
export const roles = ["view", "create", "delete", "edit", "run", "expose"] as const;

/** A user with policies. */
export function user(id: string, ...policies: Policy[]): Principal {
  return { kind: "User", id, name: id, userId: id, userName: id, groups: [], policies };
}

/** A token with a policy of its own, and that of its maker. */
export function token(maker: string, own: Policy, makers: Policy): Principal {
  return { ...user(maker, own, makers), kind: "Token", id: `token-of-${maker}` };
}

/** A public llm of bob. */
export function llm(name: string, fields: Partial<Row> = {}): Row {
  return {
    id: `llm-${name}`,
    kind: "llm",
    scope: "",
    name,
    owner: "bob",
    visibility: "public",
    spec: {},
    status: { origin: "static" },
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    ...fields,
  };
}

/** The row that a grant on the name a was made for. */
export const bound = { id: "llm-a", owner: "bob" };
