import { kinds } from "../../../kinds/index.ts";
import { token } from "../../../kinds/token.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { isOf, isVirtual, type RowOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import { bearerHash, isBearer } from "./bearer.ts";
import { compilePolicy, everything, type Grant, type Policy, type Principal } from "./policy.ts";

/** The user that comes in by the Unix socket. It holds everything and cannot be deleted. */
export const adminName = "admin";

/** What a snapshot says about who is who, worked out once for each. */
interface Compiled {
  readonly byHash: Map<string, Principal>;
  readonly policies: Map<string, Policy>;
  /** User id → names of the groups that list it. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** `user/alice` → what bindings grant it directly. */
  readonly grants: ReadonlyMap<string, readonly Grant[]>;
  /** User id → plurals of the kinds of which it has published something through an agent. */
  readonly publishers: ReadonlyMap<string, ReadonlySet<string>>;
}

const none: ReadonlySet<string> = new Set();

const compiled = new WeakMap<Snapshot, Compiled>();

/**
 * Who a bearer is, or undefined: unknown, expired, revoked and malformed are all alike.
 *
 * @param now milliseconds
 */
export function principalOf(snapshot: Snapshot, bearer: string, now: number): Principal | undefined {
  const hash = bearerHash(bearer);
  const { byHash } = compile(snapshot);
  let principal = byHash.get(hash);
  if (!principal) {
    if (!isBearer(bearer)) return undefined;
    principal = ofSession(snapshot, hash) ?? ofToken(snapshot, hash);
    if (!principal) return undefined;
    byHash.set(hash, principal);
  }
  return principal.expiresAt !== undefined && principal.expiresAt <= now ? undefined : principal;
}

/** Whether a principal's session or token, and its user, are still there and have not expired. */
export function stillThere(snapshot: Snapshot, principal: Principal, now: number): boolean {
  if (principal.expiresAt !== undefined && principal.expiresAt <= now) return false;
  if (!snapshot.byId.has(principal.userId) || !snapshot.byId.has(principal.id)) return false;
  return principal.sessionId === undefined || snapshot.sessionIds.has(principal.sessionId);
}

/** The same principal with the rights a later snapshot gives it: none when it is gone. */
export function principalAt(snapshot: Snapshot, principal: Principal): Principal {
  const user = snapshot.byId.get(principal.userId);
  const row = snapshot.byId.get(principal.id);
  if (!user || !row) return { ...principal, policies: [compilePolicy([])] };
  const { groups, policies } = isOf(token, row)
    ? tokenPrincipal(snapshot, row, user)
    : ofUser(snapshot, user);
  return { ...principal, groups, policies };
}

/** True if a later snapshot gives a principal exactly the rights that it has. */
export function hasSameRights(snapshot: Snapshot, principal: Principal): boolean {
  return Bun.deepEquals(principalAt(snapshot, principal).policies, principal.policies);
}

/** The built-in administrator, for who comes in by the Unix socket. */
export function adminPrincipal(snapshot: Snapshot): Principal {
  const admin = snapshot.named("user", adminName);
  if (!admin) throw new Error("the built-in user admin is missing");
  return ofUser(snapshot, admin);
}

/** A user with all that it holds; undefined when it is gone. */
export function userPrincipal(snapshot: Snapshot, userId: string | null): Principal | undefined {
  const user = userId === null ? undefined : snapshot.byId.get(userId);
  return user && ofUser(snapshot, user);
}

/** What a user holds, from all bindings that name it or a group of its. */
export function userPolicy(snapshot: Snapshot, user: Row): Policy {
  if (user.name === adminName) return everything;
  const { policies, groups, grants } = compile(snapshot);
  let policy = policies.get(user.id);
  if (!policy) {
    const subjects = [`user/${user.name}`, ...(groups.get(user.id) ?? []).map((name) => `group/${name}`)];
    policy = compilePolicy(subjects.flatMap((subject) => grants.get(subject) ?? []));
    policies.set(user.id, policy);
  }
  return policy;
}

/** What bindings grant a group: what its members gain. */
export function groupPolicy(snapshot: Snapshot, name: string): Policy {
  return compilePolicy(compile(snapshot).grants.get(`group/${name}`) ?? []);
}

/** Names of the groups that list a user, sorted. */
export function groupsOf(snapshot: Snapshot, userId: string): readonly string[] {
  return compile(snapshot).groups.get(userId) ?? [];
}

/** The grants of a binding or token, each with the row it was made for. */
export function grantsOf({ spec, status }: RowOf<"rbac" | "token">): Grant[] {
  const { boundTo = [] } = status;
  return spec.roleBindings.map((grant, i) => ({ ...grant, ...(boundTo[i] && { boundTo: boundTo[i] }) }));
}

function ofUser(snapshot: Snapshot, user: Row): Principal {
  return {
    kind: "User",
    id: user.id,
    name: user.name,
    userId: user.id,
    userName: user.name,
    groups: groupsOf(snapshot, user.id),
    policies: [userPolicy(snapshot, user)],
    publishes: compile(snapshot).publishers.get(user.id) ?? none,
  };
}

function ofSession(snapshot: Snapshot, hash: string): Principal | undefined {
  const session = snapshot.sessions.get(hash);
  const user = session && snapshot.byId.get(session.userId);
  return user && { ...ofUser(snapshot, user), sessionId: session.id, expiresAt: session.expiresAt };
}

function ofToken(snapshot: Snapshot, hash: string): Principal | undefined {
  const row = snapshot.byId.get(snapshot.bearers.get(hash) ?? "");
  const maker = row?.owner ? snapshot.byId.get(row.owner) : undefined;
  return isOf(token, row) && maker ? tokenPrincipal(snapshot, row, maker) : undefined;
}

function tokenPrincipal(snapshot: Snapshot, row: RowOf<"token">, maker: Row): Principal {
  // A binding means the token of that name outside any project, and no other.
  const bound = row.scope === "" ? compile(snapshot).grants.get(`token/${row.name}`) : undefined;
  const own = [...grantsOf(row), ...(bound ?? [])];
  const { expiresAt } = row.spec;
  return {
    ...ofUser(snapshot, maker),
    kind: "Token",
    id: row.id,
    name: row.name,
    policies: [compilePolicy(own), userPolicy(snapshot, maker)],
    ...(expiresAt && { expiresAt: Date.parse(expiresAt) }),
  };
}

function compile(snapshot: Snapshot): Compiled {
  const known = compiled.get(snapshot);
  if (known) return known;
  const groups = new Map<string, string[]>();
  for (const group of snapshot.table("group").sorted) {
    for (const member of group.spec.members) {
      const user = snapshot.named("user", member);
      if (user) groups.set(user.id, [...(groups.get(user.id) ?? []), group.name]);
    }
  }
  const grants = new Map<string, Grant[]>();
  for (const binding of snapshot.table("rbac").sorted) {
    for (const { kind, name } of binding.spec.subjects) {
      const subject = `${kind.toLowerCase()}/${name}`;
      grants.set(subject, [...(grants.get(subject) ?? []), ...grantsOf(binding)]);
    }
  }
  const publishers = new Map<string, Set<string>>();
  for (const { kind, plural } of kinds.filter(({ visible }) => visible)) {
    for (const row of snapshot.table(kind).sorted) {
      const { owner } = row;
      if (owner === null || !isVirtual(row)) continue;
      publishers.set(owner, (publishers.get(owner) ?? new Set()).add(plural));
    }
  }
  const made: Compiled = { byHash: new Map(), policies: new Map(), groups, grants, publishers };
  compiled.set(snapshot, made);
  return made;
}
