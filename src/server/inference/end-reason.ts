import { AppError } from "../../errors.ts";
import type { Principal } from "../core/access/policy.ts";
import { isStillValid } from "../core/access/principals.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";

/** The reason for which the server itself ends a call. */
export function endReason(
  deps: { readonly catalogue: Pick<Catalogue, "snapshot">; now(): number },
  principal: Principal,
): AppError {
  const { catalogue, now } = deps;
  return isStillValid(catalogue.snapshot, principal, now())
    ? new AppError("unavailable", "the server is shutting down")
    : new AppError("unauthenticated", "the bearer is no longer valid");
}
