import type { Limits } from "../../../kinds/limits.ts";
import { token } from "../../../kinds/token.ts";
import { user } from "../../../kinds/user.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { specOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import type { Principal } from "./policy.ts";

/** A row with limits, and the accounts that count against them. */
export interface LimitHolder {
  row: Row;
  limits: Limits;
  /** Ids of users, or of one token. */
  accounts: readonly string[];
}

/** A principal, as far as limits know it. */
export type Accountable = Pick<Principal, "kind" | "id" | "userId" | "makers">;

const noHolders: readonly LimitHolder[] = [];

const holdersIn = oncePerObject((_: Snapshot) => new Map<string, readonly LimitHolder[]>());

/** Returns the same as `holdersOf`, which is found out once for a snapshot. */
export function knownHolders(snapshot: Snapshot, principal: Accountable): readonly LimitHolder[] {
  const known = holdersIn(snapshot);
  let holders = known.get(principal.id);
  if (!holders) {
    holders = holdersOf(snapshot, principal);
    known.set(principal.id, holders);
  }
  return holders;
}

/** Returns all holders of limits: users, groups and tokens, by name. */
export function allHolders(snapshot: Snapshot): LimitHolder[] {
  const idsOf = (members: readonly string[]) =>
    members.map((name) => snapshot.named("user", name)?.id).filter((id) => id !== undefined);
  const users = snapshot.table("user").sorted.map((row) => ({ row, accounts: [row.id] }));
  const groups = snapshot.table("group").sorted.map((row) => ({ row, accounts: idsOf(row.spec.members) }));
  const tokens = snapshot.table("token").sorted.map((row) => ({ row, accounts: [row.id] }));
  return [...users, ...groups, ...tokens].flatMap(({ row, accounts }) => {
    const { limits } = row.spec;
    return limits ? [{ row, limits, accounts }] : [];
  });
}

/** Returns the holders of limits that apply to a principal, the narrowest first. */
export function holdersOf(
  snapshot: Snapshot,
  { kind, id, userId, makers = [] }: Accountable,
): readonly LimitHolder[] {
  const holders: LimitHolder[] = [];
  const add = (row: Row | undefined, limits: Limits | undefined, accounts: readonly string[]) => {
    if (row && limits) holders.push({ row, limits, accounts });
  };
  for (const tokenId of kind === "Token" ? [id, ...makers] : []) {
    const row = snapshot.byId.get(tokenId);
    add(row, row && specOf(token, row).limits, [tokenId]);
  }
  const own = snapshot.byId.get(userId);
  add(own, own && specOf(user, own).limits, [userId]);
  for (const group of snapshot.table("group").sorted) {
    const { limits, members } = group.spec;
    if (!limits || !own || !members.includes(own.name)) continue;
    const ids = members.map((name) => snapshot.named("user", name)?.id);
    add(
      group,
      limits,
      ids.filter((one) => one !== undefined),
    );
  }
  return holders.length > 0 ? holders : noHolders;
}
