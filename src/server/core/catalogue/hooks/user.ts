import { AppError } from "../../../../errors.ts";
import { clientGrant } from "../../../../kinds/client-grant.ts";
import { kindOf } from "../../../../kinds/index.ts";
import { quotas } from "../../../../kinds/quotas.ts";
import { unknownField } from "../../../../kinds/validate.ts";
import { coversPolicy, decide, isVisible, type Principal, type Verb } from "../../access/policy.ts";
import { adminName, groupsOf, userPolicy } from "../../access/principals.ts";
import type { Snapshot } from "../../store/snapshot.ts";
import { isVirtual, type RowOf } from "../../store/typed-rows.ts";
import type { Row } from "../../store/types.ts";
import type { Draft, Hooks } from "../hooks.ts";
import { dropAuthorizations, type StoredAuthorization } from "../mcp-authorizations.ts";
import { endGrants } from "./client-grant.ts";
import { checkLimits, checkNewPassword, checkUserStays } from "./limits.ts";

const quotaNames = quotas.map(({ name }) => name);

export const userHooks: Hooks<RowOf<"user">> = {
  /** A password gives access to all rights of the user. So only a principal with all these rights may set it (T54). */
  async prepare(draft, services) {
    checkLimits(draft, draft.before?.id === draft.principal.userId);
    for (const name of Object.keys(draft.row.spec.quotas ?? {}))
      if (!quotaNames.includes(name))
        draft.faults.push({ path: `/quotas/${name}`, message: unknownField(`/${name}`, quotaNames) });
    const password = draft.given["password"];
    if (password === undefined) return;
    if (draft.before && draft.before.id !== draft.principal.userId) {
      if (!hasAllRightsOf(draft.principal, draft.snapshot, draft.before)) {
        throw new AppError("forbidden", "this user has rights that you do not have");
      }
    }
    // Users change their own password by a route that asks for the old one.
    if (draft.before?.id === draft.principal.userId) {
      throw new AppError("invalid_request", "your own password is changed with POST /api/v1/auth/passwd", {
        hint: "mcpctl passwd",
      });
    }
    checkNewPassword(draft);
    const hash = password === null ? null : await services.passwords.hash(password as string);
    draft.writeAfter.push({ op: "setPassword", userId: draft.row.id, hash });
    draft.writeAfter.push({ op: "deleteSessionsOf", userId: draft.row.id });
    if (!draft.before) return;
    draft.row.status = { ...draft.row.status, handedOverAt: services.now() };
    // What somebody who knew the old password gave ends with it, as the sessions do (T281), also what was given while the
    // hash was made (T341).
    const snapshot = services.snapshot();
    const { revision: since } = snapshot;
    draft.writeFirst.push({ op: "ifUnchanged", kind: clientGrant.kind, since });
    draft.writeFirst.push({ op: "ifUnchanged", kind: "authorization", since });
    draft.writeAfter.push(...endGrants(snapshot, { userId: draft.row.id }));
    // The new password is known to others than the user, who alone may read and use these (T115).
    draft.writeAfter.push({ op: "deleteThreadsOf", userId: draft.row.id });
    draft.writeAfter.push({ op: "deleteTasksOf", userId: draft.row.id });
    const authorizations = authorizationsBy({ snapshot, row: draft.row });
    draft.writeAfter.push(...dropAuthorizations({ snapshot }, services, authorizations));
    draft.noted = {
      deleted: ["sessions", "grants", "authorizations", "threads", "files", "batches", "tasks"],
    };
  },
  /** Deletes the tokens that the user made, too (T55), and the access to MCP servers that is for its calls alone. */
  remove(draft, services) {
    const { row, snapshot } = draft;
    if (row.name === adminName) throw new AppError("conflict", "the built-in user admin cannot be deleted");
    checkUserStays(draft);
    if (!coversPolicy(draft.principal, userPolicy(snapshot, row))) {
      throw new AppError("forbidden", "this user has rights that you do not have");
    }
    // What came since the snapshot would stay (T350).
    for (const kind of ["token", clientGrant.kind, "authorization"])
      draft.writeFirst.push({ op: "ifUnchanged", kind, since: snapshot.revision });
    for (const token of snapshot.table("token").sorted) {
      if (token.owner === row.id)
        draft.writeFirst.push({ op: "delete", id: token.id, version: token.version });
    }
    draft.writeFirst.push(...endGrants(snapshot, { userId: row.id }));
    draft.writeFirst.push(...dropAuthorizations(draft, services, authorizationsBy(draft)));
  },
  status(row, { snapshot }) {
    return { groups: groupsOf(snapshot, row.id), hasPassword: snapshot.withPassword.has(row.id) };
  },
};

/** Returns the access to MCP servers that is for the calls of the user alone. */
function authorizationsBy({ snapshot, row }: Pick<Draft, "snapshot" | "row">): StoredAuthorization[] {
  const own = snapshot.table("authorization").sorted.filter(({ status }) => status.userId === row.id);
  return own as StoredAuthorization[];
}

/** True if the principal has all rights of a user: those of its policy, and those on its private and virtual rows. */
export function hasAllRightsOf(principal: Principal, snapshot: Snapshot, user: Row): boolean {
  if (!coversPolicy(principal, userPolicy(snapshot, user))) return false;
  const published: readonly Verb[] = ["view", "run", "delete"];
  return [...snapshot.byId.values()]
    .filter(({ owner }) => owner === user.id)
    .every((row) => {
      const { plural } = kindOf(row.kind);
      const may = (verb: Verb) => decide(principal, verb, plural, row.name, row) === "allow";
      return isVisible(principal, plural, row) && (!isVirtual(row) || published.every(may));
    });
}
