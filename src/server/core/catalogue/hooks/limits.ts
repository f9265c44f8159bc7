import { AppError } from "../../../../errors.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Draft } from "../hooks.ts";

/**
 * Refuses a change of limits by a principal that they apply to, unless it is an administrator.
 *
 * @param holdsCaller true if the limits apply to the principal of the draft
 */
export function checkLimits(
  { before, row, kind, principal }: Draft<RowOf<"user" | "group">>,
  holdsCaller: boolean,
): void {
  if (!before || !holdsCaller || Bun.deepEquals(before.spec.limits, row.spec.limits)) return;
  if (principal.policies.every(({ administrator }) => administrator)) return;
  throw new AppError(
    "forbidden",
    `the limits of this ${kind.kind} apply to you: only an administrator may change them`,
  );
}
