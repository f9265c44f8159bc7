import { AppError } from "../../../../errors.ts";
import type { RowOf } from "../../store/typed-rows.ts";
import type { Draft } from "../hooks.ts";

/** Refuses to let somebody who is not an administrator change a limit that holds them. */
export function checkLimits(
  { before, row, kind, principal }: Draft<RowOf<"user" | "group">>,
  holdsCaller: boolean,
): void {
  if (!before || !holdsCaller || Bun.deepEquals(before.spec.limits, row.spec.limits)) return;
  if (principal.policies.every(({ administrator }) => administrator)) return;
  throw new AppError("forbidden", `the limits of this ${kind.kind} hold you: somebody else sets them`);
}
