import { clientGrant } from "../../../kinds/client-grant.ts";
import { kinds } from "../../../kinds/index.ts";
import { rbac } from "../../../kinds/rbac.ts";
import { token } from "../../../kinds/token.ts";
import { user } from "../../../kinds/user.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { type ClientGrantRow, isOf, isVirtual, type RowOf } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import { bearerHash, isBearer } from "./bearer.ts";
import { policyFrom } from "./compiled-policy.ts";
import { holdersOf } from "./limit-holders.ts";
import {
  compilePolicy,
  everything,
  type Impersonator,
  isAdministrator,
  mayRun,
  type Policy,
  type Principal,
} from "./policy.ts";
import { grantsOf } from "./row-grants.ts";
import { makersOf } from "./token-makers.ts";

/** The name of the built-in administrator, the user of requests over the Unix socket. It cannot be deleted. */
export const adminName = "admin";

/** The principals of a snapshot that have sent a request, by the hash of their bearers. */
const principalsOf = oncePerObject((_: Snapshot) => new Map<string, Principal>());

/**
 * Returns the principal of a bearer; undefined for one that is unknown, expired, revoked or malformed.
 *
 * @param now milliseconds since 1970
 */
export function principalOf(snapshot: Snapshot, bearer: string, now: number): Principal | undefined {
  const hash = bearerHash(bearer);
  const byHash = principalsOf(snapshot);
  let principal = byHash.get(hash);
  if (!principal) {
    if (!isBearer(bearer, "ses", "pat")) return undefined;
    principal = ofSession(snapshot, hash) ?? ofToken(snapshot, hash);
    if (!principal) return undefined;
    byHash.set(hash, principal);
  }
  return principal.expiresAt !== undefined && principal.expiresAt <= now ? undefined : principal;
}

/**
 * Returns the principal of the access token of an MCP client, which opens the endpoint of one project and nothing else;
 * undefined for any other bearer, and for one that is unknown, expired or revoked.
 *
 * @param now milliseconds since 1970
 */
export function clientPrincipalOf(snapshot: Snapshot, bearer: string, now: number): Principal | undefined {
  if (!isBearer(bearer, "acc")) return undefined;
  const row = snapshot.byId.get(snapshot.bearers.get(bearerHash(bearer)) ?? "");
  const principal = isOf(clientGrant, row) ? grantPrincipal(snapshot, row) : undefined;
  return principal?.expiresAt !== undefined && now < principal.expiresAt ? principal : undefined;
}

/** Returns true if the session or token of a principal, its makers and its user still exist and have not expired. */
export function isStillValid(snapshot: Snapshot, principal: Principal, now: number): boolean {
  if (endOf(snapshot, principal) <= now) return false;
  if (!snapshot.byId.has(principal.userId) || !snapshot.byId.has(principal.id)) return false;
  if (principal.makers?.some((id) => !snapshot.byId.has(id))) return false;
  if (principal.impersonator && !impersonating(snapshot, principal.impersonator, now)) return false;
  if (principal.bearer !== undefined && snapshot.bearers.get(principal.bearer) !== principal.id) return false;
  return principal.sessionId === undefined || snapshot.sessionIds.has(principal.sessionId);
}

/**
 * Returns the end of a session or token, in milliseconds since 1970. A token may have been renewed since; what an MCP
 * client has begun ends with its grant, not with the access token of an hour.
 */
function endOf(snapshot: Snapshot, { id, expiresAt = Number.POSITIVE_INFINITY }: Principal): number {
  const row = Number.isFinite(expiresAt) ? snapshot.byId.get(id) : undefined;
  if (isOf(clientGrant, row)) return row.status.until;
  const end = isOf(token, row) ? row.spec.expiresAt : undefined;
  return typeof end === "string" ? Date.parse(end) : expiresAt;
}

/** Returns the principal with the rights that a later snapshot gives it: none if it no longer exists. */
export function principalAt(snapshot: Snapshot, principal: Principal): Principal {
  const user = snapshot.byId.get(principal.userId);
  const row = snapshot.byId.get(principal.id);
  if (!user || !row) return { ...principal, policies: [compilePolicy([])] };
  const now = isOf(token, row)
    ? tokenPrincipal(snapshot, row, user)
    : isOf(clientGrant, row)
      ? grantPrincipal(snapshot, row)
      : ofUser(snapshot, user);
  const acting = principal.impersonator && impersonating(snapshot, principal.impersonator);
  if (!now || (principal.impersonator && !acting)) return { ...principal, policies: [compilePolicy([])] };
  return { ...principal, groups: now.groups, policies: [...now.policies, ...(acting?.policies ?? [])] };
}

/**
 * Returns the principal that acts as another user; undefined if it may not or no longer exists. Somebody with limits may
 * not: the calls would count on the other user (T224).
 *
 * @param now milliseconds since 1970; undefined if ends do not matter
 */
export function impersonating(
  snapshot: Snapshot,
  { id, sessionId }: Pick<Impersonator, "id" | "sessionId">,
  now?: number,
): Principal | undefined {
  const row = snapshot.byId.get(id);
  const user = isOf(token, row) ? snapshot.byId.get(row.owner ?? "") : row;
  if (!row || !user || (sessionId !== null && !snapshot.sessionIds.has(sessionId))) return undefined;
  const principal = isOf(token, row) ? tokenPrincipal(snapshot, row, user) : ofUser(snapshot, user);
  if (!principal || !mayRun(principal, "impersonate")) return undefined;
  const hasEnded = now !== undefined && principal.expiresAt !== undefined && principal.expiresAt <= now;
  return hasEnded || (!isAdministrator(principal) && holdersOf(snapshot, principal).length > 0)
    ? undefined
    : principal;
}

/** Returns true if a later snapshot gives a principal exactly the rights that it has. */
export function hasSameRights(snapshot: Snapshot, principal: Principal): boolean {
  return Bun.deepEquals(principalAt(snapshot, principal).policies, principal.policies);
}

/** Returns the built-in administrator. */
export function adminPrincipal(snapshot: Snapshot): Principal {
  const admin = snapshot.named("user", adminName);
  if (!admin) throw new Error("the built-in user admin is missing");
  return ofUser(snapshot, admin);
}

/** Returns a user with its rights; undefined if it no longer exists. */
export function userPrincipal(snapshot: Snapshot, userId: string | null): Principal | undefined {
  const user = userId === null ? undefined : snapshot.byId.get(userId);
  return user && ofUser(snapshot, user);
}

/**
 * Returns a user, or a token of it, with the rights that it has now; undefined if it is gone or has expired.
 *
 * @param tokenId "" for the user itself
 */
export function makerPrincipal(
  snapshot: Snapshot,
  userId: string,
  tokenId: string,
  now: number,
): Principal | undefined {
  const user = snapshot.byId.get(userId);
  if (!user || tokenId === "") return user && ofUser(snapshot, user);
  const row = snapshot.byId.get(tokenId);
  if (!isOf(token, row) || row.owner !== userId) return undefined;
  const principal = tokenPrincipal(snapshot, row, user);
  return principal && isStillValid(snapshot, principal, now) ? principal : undefined;
}

/** Returns the rights of a user, from all bindings that name the user or one of its groups. */
export function userPolicy(snapshot: Snapshot, user: Row): Policy {
  if (user.name === adminName) return everything;
  const groups = groupsOf(snapshot, user.id).map((name) => `group/${name}`);
  return policyFrom(
    user,
    [`user/${user.name}`, ...groups].flatMap((subject) => bindingsOf(snapshot, subject)),
  );
}

/** Returns the rights that bindings give to the members of a group. */
export function groupPolicy(snapshot: Snapshot, name: string): Policy {
  return compilePolicy(bindingsOf(snapshot, `group/${name}`).flatMap(grantsOf));
}

/** Returns the names of a user's groups, sorted. */
export function groupsOf(snapshot: Snapshot, userId: string): readonly string[] {
  const row = snapshot.byId.get(userId);
  if (row?.kind !== user.kind) return [];
  return groupsByMember(snapshot.table("group").sorted).get(row.name) ?? [];
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
    publishes: publishedBy(snapshot, user.id),
    ...handoverOf([user]),
  };
}

/** Returns when somebody else got the passwords or bearers of some users and tokens. */
function handoverOf(rows: readonly Row[]): Pick<Principal, "handover"> {
  const times = rows.flatMap(({ status: { handedOverAt } }) =>
    handedOverAt === undefined ? [] : handedOverAt,
  );
  return times.length === 0 ? {} : { handover: times.join("-") };
}

function ofSession(snapshot: Snapshot, hash: string): Principal | undefined {
  const session = snapshot.sessions.get(hash);
  const user = session && snapshot.byId.get(session.userId);
  if (!user) return undefined;
  const principal = { ...ofUser(snapshot, user), sessionId: session.id, expiresAt: session.expiresAt };
  const { impersonatorId: id, impersonatorSessionId: sessionId } = session;
  if (!id) return principal;
  const acting = impersonating(snapshot, { id, sessionId });
  if (!acting) return undefined;
  const { name, userId, handover } = acting;
  return {
    ...principal,
    policies: [...principal.policies, ...acting.policies],
    impersonator: { id, name, userId, sessionId, ...(handover !== undefined && { handover }) },
  };
}

function ofToken(snapshot: Snapshot, hash: string): Principal | undefined {
  const row = snapshot.byId.get(snapshot.bearers.get(hash) ?? "");
  const user = row?.owner ? snapshot.byId.get(row.owner) : undefined;
  const principal = isOf(token, row) && user ? tokenPrincipal(snapshot, row, user) : undefined;
  return principal && { ...principal, bearer: hash };
}

/** Returns an MCP client with the rights of its user; undefined without the user or the project. */
function grantPrincipal(snapshot: Snapshot, row: ClientGrantRow & Row): Principal | undefined {
  const { projectId, accessUntil = 0 } = row.status;
  const user = row.owner === null ? undefined : snapshot.byId.get(row.owner);
  if (!user || !snapshot.byId.has(projectId)) return undefined;
  const { id, name } = row;
  return { ...ofUser(snapshot, user), kind: "Token", id, name, projectId, expiresAt: accessUntil };
}

/** Returns undefined if a token that made it no longer exists. */
function tokenPrincipal(snapshot: Snapshot, row: RowOf<"token">, user: Row): Principal | undefined {
  const makers = makersOf(snapshot, row);
  if (!makers) return undefined;
  const { expiresAt } = row.spec;
  return {
    ...ofUser(snapshot, user),
    kind: "Token",
    id: row.id,
    name: row.name,
    policies: [...[row, ...makers].map((one) => ownPolicy(snapshot, one)), userPolicy(snapshot, user)],
    ...(makers.length > 0 && { makers: makers.map(({ id }) => id) }),
    ...handoverOf([user, row, ...makers]),
    ...(expiresAt && { expiresAt: Date.parse(expiresAt) }),
  };
}

/**
 * Returns the rights that a token has by itself, and by bindings that refer to it. The name in the binding alone gives
 * nothing: another user may have a token of that name (T178).
 */
function ownPolicy(snapshot: Snapshot, row: RowOf<"token">): Policy {
  const bindings = new Set((snapshot.pointersTo.get(row.id) ?? []).map(({ fromId }) => fromId));
  const bound = [...bindings].flatMap((id) => {
    const binding = snapshot.byId.get(id);
    return isOf(rbac, binding) ? binding : [];
  });
  return policyFrom(row, [row, ...bound]);
}

// What follows is made once for all snapshots in which the rows of the kind are the same: each write makes a snapshot, and
// thousands of rows would hold up the next request (T328).

/** Names of groups by the name of a member, sorted. */
const groupsByMember = oncePerObject((groups: readonly RowOf<"group">[]) => {
  const names = new Map<string, string[]>();
  for (const group of groups) for (const member of group.spec.members) addTo(names, member, group.name);
  return names;
});

/** Bindings by their subject: `user/alice`, `group/team`, `token/laptop`. */
const bySubject = oncePerObject((rows: readonly RowOf<"rbac">[]) => {
  const bindings = new Map<string, RowOf<"rbac">[]>();
  for (const binding of rows)
    for (const { kind, name } of binding.spec.subjects)
      addTo(bindings, `${kind.toLowerCase()}/${name}`, binding);
  return bindings;
});

function bindingsOf(snapshot: Snapshot, subject: string): readonly RowOf<"rbac">[] {
  return bySubject(snapshot.table("rbac").sorted).get(subject) ?? [];
}

const publishable = kinds.filter(({ visible }) => visible);

/** Ids of the users that publish rows through workstation agents. */
const publishers = oncePerObject(
  (rows: readonly Row[]) => new Set(rows.filter(isVirtual).map(({ owner }) => owner)),
);

/** Returns the plurals of the kinds that a user publishes. */
function publishedBy(snapshot: Snapshot, userId: string): ReadonlySet<string> {
  const published = publishable.filter(({ kind }) => publishers(snapshot.table(kind).sorted).has(userId));
  return new Set(published.map(({ plural }) => plural));
}

function addTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}
