import { AppError } from "../../../../errors.ts";
import { grantable } from "../../../../kinds/grants.ts";
import { findKind } from "../../../../kinds/index.ts";
import { nearest } from "../../../../kinds/names.ts";
import { mayName, ownFirst } from "../../access/own-names.ts";
import { covers, type Grant } from "../../access/policy.ts";
import { grantsOf } from "../../access/row-grants.ts";
import { rowsNamed } from "../../store/rows-named.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Row } from "../../store/types.ts";
import type { Draft } from "../hooks.ts";
import { missingTarget } from "../missing-target.ts";

const words = new Set<string>(grantable);

/** Returns the plural of a resource name, also for kinds of later versions; undefined if there is no such resource. */
export function resourceNamed(resource: string): string | undefined {
  if (resource === "*" || words.has(resource)) return resource;
  const known = findKind(resource)?.plural ?? `${resource}s`;
  return words.has(known) ? known : undefined;
}

/** Returns fields with the resource names of grants in the plural. Unknown names stay: `bindGrants` refuses them. */
export function normaliseGrants(given: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(given["roleBindings"])) return given;
  return {
    ...given,
    roleBindings: given["roleBindings"].map((grant) =>
      typeof grant?.resource === "string"
        ? { ...grant, resource: resourceNamed(grant.resource) ?? grant.resource }
        : grant,
    ),
  };
}

/**
 * Binds each grant that names a row to that row, and refuses grants of rights that the principal does not have (T54).
 * A grant that was there before stays bound to the same row, unless it is sent again after that row was deleted.
 */
export function bindGrants(draft: Draft<RowOf<"rbac" | "token">>): void {
  const grants = draft.row.spec.roleBindings;
  const before = new Map<string, Grant>();
  for (const grant of draft.before ? grantsOf(draft.before).toReversed() : [])
    if ("resource" in grant) before.set(`${grant.resource}/${grant.name}`, grant);
  const regranted = draft.sent("roleBindings");
  const bound = grants.map((grant, i): Grant["boundTo"] | null => {
    if ("action" in grant || !words.has(grant.resource)) return null;
    if (grant.name === undefined) return null;
    const kind = findKind(grant.resource);
    const { name } = grant;
    const rows: readonly Row[] = kind ? draft.snapshot.table(kind.kind).sorted : [];
    const [row, ...others] = kind
      ? ownFirst(
          draft.principal,
          kind,
          rowsNamed(rows, name).filter((row) => mayName(draft.principal, kind, row)),
        )
      : [];
    const was = before.get(`${grant.resource}/${name}`);
    if (others.length > 0 && !was) {
      const message = `there are several ${grant.resource} "${name}", and a grant can name one`;
      draft.faults.push({ path: `/roleBindings/${i}/name`, message });
      return null;
    }
    if (row && (regranted || !was)) return { id: row.id, owner: row.owner };
    if (was) return was.boundTo ?? null;
    draft.faults.push({
      path: `/roleBindings/${i}/name`,
      message: kind
        ? missingTarget(draft, kind, name, draft.faults.length)
        : `there is no ${grant.resource} "${name}"`,
    });
    return null;
  });
  for (const [i, grant] of grants.entries()) {
    if ("action" in grant || words.has(grant.resource)) continue;
    if (grant.resource === "*") {
      if (grant.name === undefined) continue;
      draft.faults.push({
        path: `/roleBindings/${i}/name`,
        message: 'cannot be given for resource "*", which is all kinds',
      });
      continue;
    }
    const near = nearest(grant.resource, words);
    const message = `unknown resource${near ? `; did you mean "${near}"?` : ""}`;
    draft.faults.push({ path: `/roleBindings/${i}/resource`, message });
  }
  draft.row.status = { ...draft.row.status, boundTo: bound };
  if (!grantsOf(draft.row).every((grant) => covers(draft.principal, grant))) {
    throw new AppError("forbidden", "you may not grant rights that you do not have yourself");
  }
}
