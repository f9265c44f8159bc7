import { grantText } from "../../../kinds/grants.ts";
import { token } from "../../../kinds/token.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { isOf, isVirtual } from "../store/typed-rows.ts";
import type { Row } from "../store/types.ts";
import { compilePolicy, decide, type Grant, type Verb } from "./policy.ts";
import { adminName, userPrincipal } from "./principals.ts";
import { grantsOf } from "./row-grants.ts";

/** A rule that allows an access: a grant of a binding or of a token, or a right that needs no grant. */
export interface Rule {
  /** `rbac/devs`, `token/laptop`, `built-in`. */
  rule: string;
  /** The row that holds the grant; undefined for a right that needs none. */
  row?: Row;
  /** The subject that a binding names: `group/devs`. */
  subject?: string;
  /** `run:llms:gpt` */
  grant: string;
}

/** An access to a row: its name, and the row if it exists. */
interface Access {
  verb: Verb;
  /** The plural of a kind. */
  resource: string;
  name: string;
  row: Row | undefined;
}

/**
 * Returns the rules that allow an access to a user, and with a token also those of the token, as they are now.
 *
 * @returns an empty list if the user no longer exists
 */
export function rulesFor(
  snapshot: Snapshot,
  { userId, tokenId }: { userId: string | null; tokenId: string | null },
  access: Access,
): Rule[] {
  const user = userPrincipal(snapshot, userId);
  if (!user) return [];
  const { verb, resource, name, row } = access;
  const allows = (grant: Grant) =>
    decide({ ...user, policies: [compilePolicy([grant])] }, verb, resource, name, row) === "allow";
  const subjects = new Set([`user/${user.userName}`, ...user.groups.map((group) => `group/${group}`)]);
  const rules: Rule[] = [];
  if (user.userName === adminName)
    rules.push({ rule: "built-in", subject: `user/${adminName}`, grant: "everything" });
  if (row && isVirtual(row) && row.owner === user.id)
    rules.push({ rule: "built-in", subject: `user/${user.userName}`, grant: `owner of ${name}` });
  for (const binding of snapshot.table("rbac").sorted) {
    const grants = grantsOf(binding).filter(allows);
    const bound = grants.length === 0 ? [] : binding.spec.subjects;
    for (const { kind, name } of bound) {
      const subject = `${kind.toLowerCase()}/${name}`;
      if (!subjects.has(subject)) continue;
      for (const grant of grants)
        rules.push({ rule: `rbac/${binding.name}`, row: binding, subject, grant: grantText(grant) });
    }
  }
  const bearer = tokenId === null ? undefined : snapshot.byId.get(tokenId);
  if (!isOf(token, bearer)) return rules;
  for (const grant of grantsOf(bearer).filter(allows))
    rules.push({ rule: `token/${bearer.name}`, row: bearer, grant: grantText(grant) });
  return rules;
}
