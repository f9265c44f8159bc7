import type { Role, RoleBinding } from "../../../kinds/grants.ts";
import { kinds } from "../../../kinds/index.ts";
import type { Action } from "../../../kinds/operations.ts";
import { isVirtual } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";

/** An access to a resource. */
export type Verb = "view" | "create" | "update" | "delete" | "run" | "expose";

const bit: Record<Verb, number> = { view: 1, create: 2, update: 4, delete: 8, run: 16, expose: 32 };

/** The verbs that each role gives. Only `run` gives `run`: editing an llm does not permit calling it. */
const verbsOf: Record<Role, number> = {
  view: bit.view,
  create: bit.create,
  delete: bit.delete,
  edit: bit.view | bit.create | bit.update | bit.delete,
  run: bit.run,
  expose: bit.view | bit.expose,
};

/**
 * One grant of a binding or token. A grant that names a row holds for that row: `boundTo` is the row that had the name
 * when the grant was made. A later row of the same name and another owner is not granted.
 */
export type Grant = RoleBinding & { boundTo?: { id: string; owner: string | null } };

/** Grants in a form that is fast to look up. */
export interface Policy {
  /** True for the built-in administrator, who holds everything, also what no binding can grant. */
  readonly everything: boolean;
  /** True if it grants anything on `*`. Its holder sees private rows. */
  readonly administrator: boolean;
  /** Verbs on all rows of a resource, as bits, by resource. */
  readonly onKind: ReadonlyMap<string, number>;
  /** Verbs on the rows of one name, as bits, and the row that each grant is bound to. By `llms/claude`. */
  readonly onName: ReadonlyMap<string, readonly { verbs: number; boundTo: Grant["boundTo"] }[]>;
  readonly actions: ReadonlySet<Action>;
}

/** The policy of the built-in administrator. */
export const everything: Policy = {
  everything: true,
  administrator: true,
  onKind: new Map(),
  onName: new Map(),
  actions: new Set(),
};

/** Compiles grants into a policy. Several grants add up. */
export function compilePolicy(grants: Iterable<Grant>): Policy {
  const onKind = new Map<string, number>();
  const onName = new Map<string, { verbs: number; boundTo: Grant["boundTo"] }[]>();
  const actions = new Set<Action>();
  for (const grant of grants) {
    if ("action" in grant) {
      actions.add(grant.action);
    } else if (grant.name === undefined) {
      onKind.set(grant.resource, (onKind.get(grant.resource) ?? 0) | verbsOf[grant.role]);
    } else {
      const key = `${grant.resource}/${grant.name}`;
      const { role, boundTo } = grant;
      const held = onName.get(key) ?? [];
      const same = held.find(
        (one) => one.boundTo?.id === boundTo?.id && one.boundTo?.owner === boundTo?.owner,
      );
      // Many grants on one name are one look-up at each decision.
      if (same) same.verbs |= verbsOf[role];
      else held.push({ verbs: verbsOf[role], boundTo });
      onName.set(key, held);
    }
  }
  return { everything: false, administrator: onKind.has("*"), onKind, onName, actions };
}

/** The user or token that makes a request. An MCP client that a user gave access counts as a token. */
export interface Principal {
  kind: "User" | "Token";
  /** The id of the user, of the token, or of the grant of an MCP client. */
  id: string;
  name: string;
  /** The id of the user, or of the user who made the token. */
  userId: string;
  userName: string;
  groups: readonly string[];
  /** The id of the login session, for a user who logged in. */
  sessionId?: string;
  /** The end of the session or token, in milliseconds since 1970. */
  expiresAt?: number;
  /**
   * The policies that must all allow an access: a user has one; a token has its own, then those of the tokens that made
   * it, then that of its user.
   */
  policies: readonly Policy[];
  /** The ids of the tokens that made it, the nearest first; undefined if its user did. */
  makers?: readonly string[];
  /** Plurals of the kinds of which the user has published something through a workstation agent. */
  publishes?: ReadonlySet<string>;
  /** The user or token that acts as the user, in an impersonation. It has the rights that both have. */
  impersonator?: Impersonator;
  /** The SHA-256 of the bearer of a token: a rotation ends what was begun with the old one. */
  bearer?: string;
  /** Changes when somebody else gets the password or the bearer. Undefined if nobody ever did. */
  handover?: string;
  /** Set for an MCP client that a user gave access: the id of the only project whose MCP endpoint it opens (T279). */
  projectId?: string;
}

/** The user or token that acts as another user. */
export interface Impersonator {
  id: string;
  name: string;
  /** The id of the user, or of the user of the token. */
  userId: string;
  /** The id of its login session; null for a token and for the Unix socket. */
  sessionId: string | null;
  handover?: string;
}

const noUser = { kind: "User", id: "", name: "", userId: "", userName: "", groups: [] } as const;

/** The principal of a request to a public route. It holds nothing. */
export const nobody: Principal = { ...noUser, policies: [compilePolicy([])] };

/** The principal of work that the server does by itself. It holds everything, and is not a user. */
export const serverPrincipal: Principal = { ...noUser, policies: [everything] };

/** Returns the id of a token, or null for a user: the `tokenId` of audit events and usage. */
export function tokenIdOf({ kind, id }: Principal): string | null {
  return kind === "Token" ? id : null;
}

/**
 * Returns the ids of the principal and of the user whose own things are used: answers that are kept, and access to MCP
 * servers. In an impersonation they are those of whoever acts, whom the user has not let in (T266). After a password or
 * bearer that somebody else got, the first id is another one: what was kept before is for nobody (T360).
 */
export function personalIds(principal: Pick<Principal, "id" | "userId" | "handover" | "impersonator">): {
  id: string;
  userId: string;
} {
  const { id, userId, handover } = principal.impersonator ?? principal;
  return { id: handover === undefined ? id : `${id} ${handover}`, userId };
}

/** Returns the id of the user or token of which `personalIds` returned an id. */
export function idOfPersonal(personalId: string): string {
  return personalId.split(" ", 1)[0]!;
}

/** Returns what an audit event says about an impersonation: it names both. */
export function impersonationOf({ impersonator }: Principal): {
  impersonatedBy?: string;
  impersonatorId?: string;
} {
  return impersonator ? { impersonatedBy: impersonator.name, impersonatorId: impersonator.id } : {};
}

/**
 * The result of `decide`. Callers get the same response for `hidden` as for a row that does not exist. `forbidden`
 * does not depend on the existence of the row.
 */
export type Decision = "allow" | "forbidden" | "hidden";

/** Plurals of the kinds whose built-in rows everybody may view. */
const open: ReadonlySet<string> = new Set(
  kinds.filter(({ openBuiltIns }) => openBuiltIns).map(({ plural }) => plural),
);

/**
 * Decides an access of a principal. Nothing else in the server decides about rights.
 *
 * @param resource the plural of a kind, or `audit` or `metrics`
 * @param name the name of the row; undefined for the kind as a whole
 * @param row the row of that name, if there is one
 */
export function decide(
  principal: Principal,
  verb: Verb,
  resource: string,
  name?: string,
  row?: Row,
): Decision {
  for (const policy of principal.policies)
    if (
      !holds(policy, verb, resource, name, row) &&
      !publishedBy(principal, policy, verb, row) &&
      !ownedBy(principal, policy, verb, resource, row)
    )
      return refusal(principal, verb, resource, name, row);
  if (name === undefined) return "allow";
  return row && isVisible(principal, resource, row) ? "allow" : "hidden";
}

/** Returns the decision about an access that some policy does not allow. */
function refusal(
  principal: Principal,
  verb: Verb,
  resource: string,
  name: string | undefined,
  row: Row | undefined,
): Decision {
  if (verb === "view" && row?.owner === null && open.has(resource)) return "allow";
  // The holder of a grant that is bound to a deleted row must not learn that there is a new, private row of the name.
  const stale =
    row !== undefined && principal.policies.every((policy) => holds(policy, verb, resource, name));
  return stale && !isVisible(principal, resource, row) ? "hidden" : "forbidden";
}

/** Returns true if a principal is an administrator, whom limits of its own do not keep from changing them. */
export function isAdministrator({ policies }: Pick<Principal, "policies">): boolean {
  return policies.every(({ administrator }) => administrator);
}

/** Returns true if a principal may run an operation. */
export function mayRun(principal: Principal, action: Action): boolean {
  return principal.policies.every((policy) => policy.everything || policy.actions.has(action));
}

/**
 * Returns true if a principal holds a verb on a resource, on some row of it, or because it has published one. Such a
 * principal passes the check of a route; `decide` then decides about each row.
 */
export function mayList(principal: Principal, verb: Verb, resource: string): boolean {
  if (verb === "view" && open.has(resource)) return true;
  const publishes = principal.publishes?.has(resource) && ofPublishers.has(verb);
  const mayOwn = ofEachOwner.has(resource) && ofOwners.has(verb) && principal.userId !== "";
  return principal.policies.every(
    (policy) =>
      policy.everything ||
      ((publishes || mayOwn) && isOfUser(principal, policy)) ||
      (kindVerbs(policy, resource) & bit[verb]) !== 0 ||
      [...policy.onName].some(
        ([key, held]) => key.startsWith(`${resource}/`) && held.some((h) => h.verbs & bit[verb]),
      ),
  );
}

/** Returns true if a principal may know that a row exists. It may still hold no verb on the row. */
export function isVisible(principal: Principal, resource: string, row: Row): boolean {
  return (
    row.visibility !== "private" ||
    row.owner === principal.userId ||
    principal.policies.every(
      (policy) => policy.administrator || namedVerbs(policy, resource, row.name, row) !== 0,
    )
  );
}

/** Returns true if a principal holds everything that a grant gives, and so may give that grant to others. */
export function covers(principal: Principal, grant: Grant): boolean {
  return coversPolicy(principal, compilePolicy([grant]));
}

/** Returns true if a principal holds everything that a policy gives. */
export function coversPolicy(principal: Principal, policy: Policy): boolean {
  if (policy.everything) return principal.policies.every((own) => own.everything);
  const verbs = (mask: number, resource: string, name?: string, row?: RowIdentity) =>
    principal.policies.every(
      (own) =>
        own.everything ||
        (mask &
          ~(kindVerbs(own, resource) | (name === undefined ? 0 : namedVerbs(own, resource, name, row)))) ===
          0,
    );
  return (
    [...policy.onKind].every(([resource, mask]) => verbs(mask, resource)) &&
    [...policy.onName].every(([key, held]) => {
      const [resource, name] = key.split("/") as [string, string];
      return held.every((h) => verbs(h.verbs, resource, name, h.boundTo));
    }) &&
    [...policy.actions].every((action) => mayRun(principal, action))
  );
}

type RowIdentity = { id: string; owner: string | null };

function kindVerbs(policy: Policy, resource: string): number {
  return (policy.onKind.get(resource) ?? 0) | (policy.onKind.get("*") ?? 0);
}

function holds(policy: Policy, verb: Verb, resource: string, name?: string, row?: RowIdentity): boolean {
  if (policy.everything || (kindVerbs(policy, resource) & bit[verb]) !== 0) return true;
  return name !== undefined && (namedVerbs(policy, resource, name, row) & bit[verb]) !== 0;
}

/** Returns the verbs on a name, as bits. With a row, only grants that are bound to that row count. */
function namedVerbs(policy: Policy, resource: string, name: string, row?: RowIdentity): number {
  let verbs = 0;
  for (const { verbs: held, boundTo } of policy.onName.get(`${resource}/${name}`) ?? []) {
    const same =
      !row || !boundTo || row.id === boundTo.id || (row.owner !== null && row.owner === boundTo.owner);
    if (same) verbs |= held;
  }
  return verbs;
}

/** True for a virtual row and its owner, who may always view, run and delete it. A token's own policy limits that. */
function publishedBy(principal: Principal, policy: Policy, verb: Verb, row?: Row): boolean {
  return (
    row !== undefined &&
    isVirtual(row) &&
    row.owner === principal.userId &&
    ofPublishers.has(verb) &&
    isOfUser(principal, policy)
  );
}

/** True for a token and its owner, who may always view and delete it. A token's own policy limits that (T249). */
function ownedBy(principal: Principal, policy: Policy, verb: Verb, resource: string, row?: Row): boolean {
  return (
    row !== undefined &&
    ofEachOwner.has(resource) &&
    ofOwners.has(verb) &&
    row.owner !== null &&
    row.owner === principal.userId &&
    isOfUser(principal, policy)
  );
}

/** The verbs that the owner of a virtual row always holds. */
const ofPublishers: ReadonlySet<Verb> = new Set(["view", "run", "delete"]);

/** Plurals of the kinds whose names each owner has for itself. */
const ofEachOwner: ReadonlySet<string> = new Set(
  kinds.filter(({ ownedNames }) => ownedNames).map(({ plural }) => plural),
);
/** The verbs that the owner of such a row always holds. */
const ofOwners: ReadonlySet<Verb> = new Set(["view", "delete"]);

/** True for the policy of the user itself: those of its tokens, and of somebody who acts as it, are others. */
function isOfUser({ kind, policies }: Principal, policy: Policy): boolean {
  const own = kind === "Token" ? policies.length - 1 : 0;
  return policies.indexOf(policy) === own;
}
