import { AppError } from "../../../../errors.ts";
import { holdersOf } from "../../access/limit-holders.ts";
import { isAdministrator } from "../../access/policy.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Draft } from "../hooks.ts";

/*
 * Nobody lessens a limit that applies to themself, unless they are an administrator (T114): not by changing it, by
 * leaving the group that has it, by taking others and their use out of that group, or by becoming somebody else.
 */

/**
 * Refuses a change of limits by a principal that they apply to.
 *
 * @param holdsCaller true if the limits apply to the principal of the draft
 */
export function checkLimits(
  { before, row, kind, principal }: Draft<RowOf<"user" | "group">>,
  holdsCaller: boolean,
): void {
  if (!before || !holdsCaller || Bun.deepEquals(boundsOf(before), boundsOf(row))) return;
  if (isAdministrator(principal)) return;
  throw new AppError(
    "forbidden",
    `the limits of this ${kind.kind} apply to you: only an administrator may change them`,
  );
}

function boundsOf({ spec }: RowOf<"user" | "group">): unknown[] {
  return [spec.limits, "quotas" in spec ? spec.quotas : undefined];
}

/** Refuses to take members out of a group, or to delete it, if its limits apply to the principal. */
export function checkMembersStay(
  { principal, row, before = row }: Draft<RowOf<"group">>,
  staying: readonly string[],
): void {
  const { limits, members } = before.spec;
  if (!limits || !members.includes(principal.userName) || isAdministrator(principal)) return;
  const left = new Set(staying);
  if (members.every((member) => left.has(member))) return;
  throw new AppError(
    "forbidden",
    "the limits of this group apply to you: only an administrator may delete it or remove its members",
  );
}

/** Refuses to delete a user who is in a group with limits that apply to the principal. */
export function checkUserStays({ principal, snapshot, row }: Draft<RowOf<"user">>): void {
  if (isAdministrator(principal)) return;
  const shared = holdersOf(snapshot, principal).find(
    ({ row: holder, accounts }) => holder.id !== row.id && accounts.includes(row.id),
  );
  if (!shared) return;
  throw new AppError(
    "forbidden",
    `user "${row.name}" is in group "${shared.row.name}", whose limits apply to you: only an administrator may delete it`,
  );
}

/**
 * Refuses a password for a user who is limited less than the principal: with it, the principal would get around its own
 * limits. A token that ends or has limits sets no password at all: the login would outlive it (T113).
 */
export function checkNewPassword({ principal, snapshot, before }: Draft<RowOf<"user">>): void {
  const holders = holdersOf(snapshot, principal);
  const isBounded = principal.expiresAt !== undefined || holders.some(({ row }) => row.kind === "token");
  if (principal.kind === "Token" && isBounded)
    throw new AppError("forbidden", "a token that expires or has limits may not set a password", {
      hint: "mcpctl login",
    });
  if (isAdministrator(principal)) return;
  const lifted = holders.find(({ accounts }) => !before || !accounts.includes(before.id));
  if (!lifted) return;
  throw new AppError(
    "forbidden",
    `the limits of ${lifted.row.kind} "${lifted.row.name}" apply to you and not to this user: only an administrator may set the password`,
  );
}
