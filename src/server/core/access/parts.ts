import type { Kind } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Row } from "../store/types.ts";
import { type Decision, decide, isVisible, mayList, type Principal, type Verb } from "./policy.ts";

type AnyKind = Pick<Kind, "plural" | "partOf" | "references">;

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

/** Returns the verb and the resource that a request about a kind needs: for parts, those of the whole. */
export function rightFor({ plural, partOf }: AnyKind, verb: Verb): { verb: Verb; resource: string } {
  return partOf === undefined
    ? { verb, resource: plural }
    : { verb: wholeVerb(verb), resource: kindOf(partOf).plural };
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
  if (kind.partOf === undefined) return decide(principal, verb, kind.plural, name, row);
  const { plural } = kindOf(kind.partOf);
  const whole = row?.scope ?? scope;
  if (whole === undefined) return mayList(principal, wholeVerb(verb), plural) ? "hidden" : "forbidden";
  const decision = decide(principal, wholeVerb(verb), plural, whole, snapshot.named(kind.partOf, whole));
  if (decision !== "allow" || !row) return decision === "allow" ? "hidden" : decision;
  return kind.references(row.spec).every((reference) => {
    const target = snapshot.named(reference.kind, reference.name);
    return !target || isVisible(principal, kindOf(reference.kind).plural, target);
  })
    ? "allow"
    : "hidden";
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
  if (kind.partOf === undefined) return decide(principal, "create", kind.plural);
  const { plural } = kindOf(kind.partOf);
  // Without a scope the fields are refused later.
  if (typeof scope !== "string") return mayList(principal, "update", plural) ? "allow" : "forbidden";
  return decide(principal, "update", plural, scope, snapshot.named(kind.partOf, scope));
}
