import type { RoleBinding } from "../../../kinds/grants.ts";
import { findKind } from "../../../kinds/index.ts";
import { rbac } from "../../../kinds/rbac.ts";
import { token } from "../../../kinds/token.ts";
import { rowsNamed } from "../store/rows-named.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { isOf, type RowOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import type { Grant, Principal } from "./policy.ts";
import { adminName, groupsOf } from "./principals.ts";
import { grantsOf } from "./row-grants.ts";

/** A grant that a principal has, and the reason why it has it. */
export interface HeldRule {
  /** The user or token that has it: `user alice`, `token laptop`. */
  holder: string;
  /** The subject that it was given to: `user alice`, `group friends`, `token laptop`. */
  via: string;
  /** The name of the rbac object; null for a token's own grants and for the built-in administrator. */
  binding: string | null;
  grant: RoleBinding | { role: "everything" };
  /** True if the object that it was given for no longer exists: it gives nothing then. */
  isStale: boolean;
}

/** Returns the rules that give a principal its rights, those of a token before those of its user. */
export function heldRules(snapshot: Snapshot, principal: Principal): HeldRule[] {
  const ids = principal.kind === "Token" ? [principal.id, ...(principal.makers ?? [])] : [];
  const tokens = ids.map((id) => snapshot.byId.get(id)).filter((row) => isOf(token, row));
  const users = [principal.userId, ...(principal.impersonator ? [principal.impersonator.id] : [])].map((id) =>
    snapshot.byId.get(id),
  );
  return [
    ...tokens.flatMap((row) => rulesOfToken(snapshot, row)),
    ...users.flatMap((row) => (row ? rulesOfUser(snapshot, row) : [])),
  ];
}

function rulesOfUser(snapshot: Snapshot, user: Row): HeldRule[] {
  if (isOf(token, user)) return rulesOfToken(snapshot, user);
  const holder = `user ${user.name}`;
  if (user.name === adminName)
    return [{ holder, via: holder, binding: null, grant: { role: "everything" }, isStale: false }];
  const groups = new Set(groupsOf(snapshot, user.id));
  return snapshot
    .table("rbac")
    .sorted.flatMap((binding) =>
      binding.spec.subjects
        .filter(({ kind, name }) =>
          kind === "User" ? name === user.name : kind === "Group" && groups.has(name),
        )
        .flatMap(({ kind, name }) => rulesOf(snapshot, holder, `${kind.toLowerCase()} ${name}`, binding)),
    );
}

function rulesOfToken(snapshot: Snapshot, row: RowOf<"token">): HeldRule[] {
  const holder = `token ${row.name}`;
  const ids = new Set((snapshot.pointersTo.get(row.id) ?? []).map(({ fromId }) => fromId));
  const bindings = [...ids].map((id) => snapshot.byId.get(id)).filter((one) => isOf(rbac, one));
  return [
    ...rulesOf(snapshot, holder, holder, row),
    ...bindings.flatMap((binding) => rulesOf(snapshot, holder, holder, binding)),
  ];
}

function rulesOf(snapshot: Snapshot, holder: string, via: string, row: RowOf<"rbac" | "token">): HeldRule[] {
  return grantsOf(row).map(({ boundTo, ...grant }) => ({
    holder,
    via,
    binding: row.kind === "rbac" ? row.name : null,
    grant: grant as RoleBinding,
    isStale: isStale(snapshot, grant as Grant, boundTo),
  }));
}

/** True if a grant names a row that is gone, and no row of the same name and owner has come after it. */
function isStale(snapshot: Snapshot, grant: Grant, boundTo: Grant["boundTo"]): boolean {
  if (!boundTo || "action" in grant || snapshot.byId.has(boundTo.id)) return false;
  const kind = findKind(grant.resource);
  const rows =
    kind && grant.name !== undefined ? rowsNamed(snapshot.table(kind.kind).sorted, grant.name) : [];
  return !rows.some(({ owner }) => owner !== null && owner === boundTo.owner);
}
