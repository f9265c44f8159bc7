import { AppError } from "../../../../errors.ts";
import { coversPolicy } from "../../access/policy.ts";
import { groupPolicy } from "../../access/principals.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";
import { checkLimits, checkMembersStay } from "./limits.ts";

export const groupHooks: Hooks<RowOf<"group">> = {
  /** Members get the rights of the group. So only a principal with all these rights may add members (T54). */
  prepare(draft) {
    const before = draft.before?.spec.members ?? [];
    const after = draft.row.spec.members;
    checkLimits(draft, before.includes(draft.principal.userName));
    checkMembersStay(draft, after);
    const known = new Set(before);
    const joins = after.some((member) => !known.has(member));
    if (joins && !coversPolicy(draft.principal, groupPolicy(draft.snapshot, draft.row.name))) {
      throw new AppError("forbidden", "the members of this group have rights that you do not have");
    }
  },
  remove: (draft) => checkMembersStay(draft, []),
};
