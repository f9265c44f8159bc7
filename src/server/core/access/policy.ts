import type { Action, Role, RoleBinding } from "../../../kinds/grants.ts";
import { isVirtual } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";

/** What somebody wants to do to a resource. */
export type Verb = "view" | "create" | "update" | "delete" | "run" | "expose";

const bit: Record<Verb, number> = { view: 1, create: 2, update: 4, delete: 8, run: 16, expose: 32 };

/** Nothing but `run` implies `run`: whoever may edit the catalogue may not thereby spend. */
const verbsOf: Record<Role, number> = {
  view: bit.view,
  create: bit.create,
  delete: bit.delete,
  edit: bit.view | bit.create | bit.update | bit.delete,
  run: bit.run,
  expose: bit.view | bit.expose,
};

/**
 * A grant as it was made. One that names a row holds for that row: `boundTo` is the row it meant when it was
 * made, and another owner's later row of the same name is not it.
 */
export type Grant = RoleBinding & { boundTo?: { id: string; owner: string | null } };

/** Grants made ready for questions. */
export interface Policy {
  /** Holds all there is, also what no binding can say. */
  readonly everything: boolean;
  /** Holds something on `*`. */
  readonly administrator: boolean;
  /** Verbs by resource, on every row of it. */
  readonly onKind: ReadonlyMap<string, number>;
  /** `llms/claude` → what is held on that name, and for which row. */
  readonly onName: ReadonlyMap<string, readonly { verbs: number; boundTo: Grant["boundTo"] }[]>;
  readonly actions: ReadonlySet<Action>;
}

export const everything: Policy = {
  everything: true,
  administrator: true,
  onKind: new Map(),
  onName: new Map(),
  actions: new Set(),
};

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
      onName.set(key, [...(onName.get(key) ?? []), { verbs: verbsOf[grant.role], boundTo: grant.boundTo }]);
    }
  }
  return { everything: false, administrator: onKind.has("*"), onKind, onName, actions };
}

/** Who asks. */
export interface Principal {
  kind: "User" | "Token";
  /** Id of the user, or of the token. */
  id: string;
  name: string;
  /** The user, or the token's maker. */
  userId: string;
  userName: string;
  groups: readonly string[];
  /** The session it came with, when it logged in. */
  sessionId?: string;
  /** Milliseconds; the bearer is not accepted after it. */
  expiresAt?: number;
  /** All of them must agree: a user's policy; for a token its own and its maker's. */
  policies: readonly Policy[];
  /** Plurals of the kinds of which it, or its maker, has published something through an agent. */
  publishes?: ReadonlySet<string>;
}

const noUser = { kind: "User", id: "", name: "", userId: "", userName: "", groups: [] } as const;

/** The caller of a public route, who holds nothing. */
export const nobody: Principal = { ...noUser, policies: [compilePolicy([])] };

/** The server acting by itself: it holds everything, and is no user. */
export const serverPrincipal: Principal = { ...noUser, policies: [everything] };

/** The id of the token that a principal came with, or null for a user: what audit events and usage keep. */
export function tokenIdOf({ kind, id }: Principal): string | null {
  return kind === "Token" ? id : null;
}

/**
 * `hidden` and "there is no such row" are told to a caller in the same words; `forbidden` does not depend on
 * whether the row exists.
 */
export type Decision = "allow" | "forbidden" | "hidden";

/**
 * Who may do what: the one place that decides.
 *
 * @param resource a kind's plural, or `audit` or `metrics`
 * @param name the row's name; undefined for the kind as a whole
 * @param row the row, when there is one of that name
 */
export function decide(
  principal: Principal,
  verb: Verb,
  resource: string,
  name?: string,
  row?: Row,
): Decision {
  const { policies } = principal;
  const held = policies.every(
    (policy) => holds(policy, verb, resource, name, row) || publishedBy(principal, policy, verb, row),
  );
  if (!held) {
    // A grant whose row is gone says of another's private row what it says where there is none.
    const stale = row !== undefined && policies.every((policy) => holds(policy, verb, resource, name));
    return stale && !isVisible(principal, resource, row) ? "hidden" : "forbidden";
  }
  if (name === undefined) return "allow";
  return row && isVisible(principal, resource, row) ? "allow" : "hidden";
}

/** Whether a principal may run an operation. */
export function mayRun(principal: Principal, action: Action): boolean {
  return principal.policies.every((policy) => policy.everything || policy.actions.has(action));
}

/**
 * Whether there can be anything to list: the verb is held on the kind, on any name of it, or by having published
 * something. What the list then shows is decided row by row.
 */
export function mayList(principal: Principal, verb: Verb, resource: string): boolean {
  const publishes = principal.publishes?.has(resource) && ofPublishers.has(verb);
  return principal.policies.every(
    (policy) =>
      policy.everything ||
      (publishes && !isOwnOfToken(principal, policy)) ||
      (kindVerbs(policy, resource) & bit[verb]) !== 0 ||
      [...policy.onName].some(
        ([key, held]) => key.startsWith(`${resource}/`) && held.some((h) => h.verbs & bit[verb]),
      ),
  );
}

/** Whether a row exists as far as a principal can tell. Says nothing of what may be done to it. */
export function isVisible(principal: Principal, resource: string, row: Row): boolean {
  return (
    row.visibility !== "private" ||
    row.owner === principal.userId ||
    principal.policies.every(
      (policy) => policy.administrator || namedVerbs(policy, resource, row.name, row) !== 0,
    )
  );
}

/** Whether somebody holds all that a grant would give, and so may give it. */
export function covers(principal: Principal, grant: Grant): boolean {
  return coversPolicy(principal, compilePolicy([grant]));
}

/** Whether somebody holds all that a policy gives. */
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

/** Verbs held on a name. Without a row to compare with, what is held on the name counts. */
function namedVerbs(policy: Policy, resource: string, name: string, row?: RowIdentity): number {
  let verbs = 0;
  for (const { verbs: held, boundTo } of policy.onName.get(`${resource}/${name}`) ?? []) {
    const same =
      !row || !boundTo || row.id === boundTo.id || (row.owner !== null && row.owner === boundTo.owner);
    if (same) verbs |= held;
  }
  return verbs;
}

/** The owner of what an agent published may always view, run and withdraw it. A token's own policy still limits it. */
function publishedBy(principal: Principal, policy: Policy, verb: Verb, row?: Row): boolean {
  return (
    row !== undefined &&
    isVirtual(row) &&
    row.owner === principal.userId &&
    ofPublishers.has(verb) &&
    !isOwnOfToken(principal, policy)
  );
}

const ofPublishers: ReadonlySet<Verb> = new Set(["view", "run", "delete"]);

function isOwnOfToken(principal: Principal, policy: Policy): boolean {
  return principal.kind === "Token" && policy === principal.policies[0];
}
