import type { Kind } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Row } from "../store/types.ts";
import { type Decision, decide, isVisible, mayList, type Principal, type Verb } from "./policy.ts";

type AnyKind = Pick<
  Kind,
  "kind" | "plural" | "partOf" | "proposes" | "scopedBy" | "orScopedBy" | "references" | "callerFields"
>;

/** A row by its name and scope, also where there is none. */
interface Named {
  name: string;
  /** The scope of the name; undefined if the caller named none. */
  scope: string | undefined;
  row: Row | undefined;
}

/** Returns the right that a write of a part needs on the whole. */
function wholeVerb(verb: Verb): Verb {
  return verb === "create" || verb === "delete" ? "update" : verb;
}

/** A verb on a resource, or on some row of it. With `or`, one of those is enough. */
export interface Right {
  verb: Verb;
  resource: string;
  or?: readonly { verb: Verb; resource: string }[];
}

/**
 * Returns the right that a request about a kind needs: for parts, that on the whole; for proposals, that on them, on what
 * they propose, or to use what they are for.
 */
export function rightFor(kind: AnyKind, verb: Verb): Right {
  const { plural, partOf, proposes, scopedBy } = kind;
  if (verb === "view" && kind.callerFields)
    return { verb, resource: plural, or: [{ verb: "run", resource: plural }] };
  if (proposes !== undefined)
    return {
      verb,
      resource: plural,
      or: [
        { verb, resource: kindOf(proposes).plural },
        { verb: "run", resource: kindOf(scopedBy!).plural },
      ],
    };
  return partOf === undefined
    ? { verb, resource: plural }
    : { verb: wholeVerb(verb), resource: kindOf(partOf).plural };
}

/** True if a principal holds a right on some row. */
export function mayHold(principal: Principal, { verb, resource, or = [] }: Right): boolean {
  return [{ verb, resource }, ...or].some((right) => mayList(principal, right.verb, right.resource));
}

/**
 * Decides an access to a row of any kind. A row that is part of another has that row's rights, and is hidden from those
 * from whom a row that it refers to is hidden: a private MCP server is not shown by its attachment (T138).
 */
export function decideOn(
  snapshot: Snapshot,
  principal: Principal,
  verb: Verb,
  kind: AnyKind,
  { name, scope, row }: Named,
): Decision {
  if (kind.proposes !== undefined)
    return decideProposal(
      snapshot,
      principal,
      verb,
      { ...kind, proposes: kind.proposes },
      { name, scope, row },
    );
  if (kind.partOf === undefined) {
    const decision = decide(principal, verb, kind.plural, name, row);
    return decision === "allow" && row && !seesScope(snapshot, principal, kind, row) ? "hidden" : decision;
  }
  const { plural } = kindOf(kind.partOf);
  const whole = row?.scope ?? scope;
  if (whole === undefined) return mayList(principal, wholeVerb(verb), plural) ? "hidden" : "forbidden";
  const decision = decide(principal, wholeVerb(verb), plural, whole, snapshot.named(kind.partOf, whole));
  if (decision !== "allow" || !row) return decision === "allow" ? "hidden" : decision;
  return seesReferences(snapshot, principal, kind, row) ? "allow" : "hidden";
}

/**
 * True if a principal may know that a row exists, whatever it may do with it. A row is hidden with the rows that it is
 * about: an attachment with its MCP server, a prompt with its persona.
 */
export function isKnown(snapshot: Snapshot, principal: Principal, row: Row): boolean {
  const kind = kindOf(row.kind);
  if (!isVisible(principal, kind.plural, row)) return false;
  return kind.partOf === undefined
    ? seesScope(snapshot, principal, kind, row)
    : seesReferences(snapshot, principal, kind, row);
}

/** True if a principal may know of all rows that a row refers to. */
function seesReferences(snapshot: Snapshot, principal: Principal, kind: AnyKind, row: Row): boolean {
  return kind.references(row.spec).every((reference) => {
    const target = snapshot.named(reference.kind, reference.name);
    return !target || isVisible(principal, kindOf(reference.kind).plural, target);
  });
}

/**
 * Decides if a row is shown to a principal, in whole or in part: who may run a row of some kinds sees that it exists, with
 * the fields for callers (T251).
 */
export function decideToShow(
  snapshot: Snapshot,
  principal: Principal,
  kind: AnyKind,
  named: Named,
): Decision | "in part" {
  const decision = decideOn(snapshot, principal, "view", kind, named);
  if (decision === "allow" || !kind.callerFields) return decision;
  const asCaller = decideOn(snapshot, principal, "run", kind, named);
  return asCaller === "allow" ? "in part" : asCaller === "hidden" ? "hidden" : decision;
}

/** True if a row is shown, in whole or in part. */
export function isShown(decision: Decision | "in part"): boolean {
  return decision === "allow" || decision === "in part";
}

/** Decides an access to an existing row. */
export function decideOnRow(
  snapshot: Snapshot,
  principal: Principal,
  verb: Verb,
  kind: AnyKind,
  row: Row,
): Decision {
  return decideOn(snapshot, principal, verb, kind, { name: row.name, scope: row.scope, row });
}

/** Decides the creation of a row. `scope` is the name of the whole, for a part. */
export function decideCreate(
  snapshot: Snapshot,
  principal: Principal,
  kind: AnyKind,
  scope: unknown,
): Decision {
  if (kind.proposes !== undefined) return decideToPropose(snapshot, principal, kind, scope);
  if (kind.partOf === undefined) return decide(principal, "create", kind.plural);
  const { plural } = kindOf(kind.partOf);
  // Without a scope the fields are refused later.
  if (typeof scope !== "string") return mayList(principal, "update", plural) ? "allow" : "forbidden";
  return decide(principal, "update", plural, scope, snapshot.named(kind.partOf, scope));
}

/** True if a principal may know of the row that a row is scoped by: the prompts of a private persona are private. */
function seesScope(snapshot: Snapshot, principal: Principal, kind: AnyKind, row: Row): boolean {
  const { orScopedBy: field } = kind;
  if (field === undefined || row.spec[field] === undefined) return true;
  const owner = kind.references(row.spec).find(({ path }) => path === `/${field}`);
  const target = owner && snapshot.named(owner.kind, owner.name);
  return !target || isVisible(principal, kindOf(owner.kind).plural, target);
}

/** Decides an access to a proposal: as to what it proposes, and whoever has made it may see and delete it. */
function decideProposal(
  snapshot: Snapshot,
  principal: Principal,
  verb: Verb,
  { plural, proposes, scopedBy }: AnyKind & { proposes: string },
  { name, row }: Named,
): Decision {
  if (decide(principal, verb, plural, name, row) === "allow") return "allow";
  if (!row) return "hidden";
  const proposed = kindOf(proposes);
  const target = snapshot.named(proposed.kind, name, row.scope);
  const right = target
    ? decide(principal, verb, proposed.plural, name, target)
    : decide(principal, verb, proposed.plural);
  if (right === "allow") return "allow";
  const isOwn = row.owner !== null && row.owner === principal.userId;
  if (!isOwn) return "hidden";
  return verb === "update"
    ? "forbidden"
    : mayUse(snapshot, principal, scopedBy!, row.scope)
      ? "allow"
      : "hidden";
}

function decideToPropose(
  snapshot: Snapshot,
  principal: Principal,
  { plural, proposes, scopedBy }: AnyKind,
  scope: unknown,
): Decision {
  if ([plural, kindOf(proposes!).plural].some((one) => decide(principal, "create", one) === "allow"))
    return "allow";
  if (typeof scope !== "string")
    return mayList(principal, "run", kindOf(scopedBy!).plural) ? "allow" : "forbidden";
  return mayUse(snapshot, principal, scopedBy!, scope) ? "allow" : "forbidden";
}

/** True if a principal may run the row that others are scoped by. */
function mayUse(snapshot: Snapshot, principal: Principal, kind: string, name: string): boolean {
  return decide(principal, "run", kindOf(kind).plural, name, snapshot.named(kind, name)) === "allow";
}
