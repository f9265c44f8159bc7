import type { RowOf } from "../store/typed-rows.ts";
import type { Grant } from "./policy.ts";

/** A row that has grants. */
export type GrantRow = RowOf<"rbac" | "token">;

/** Returns the grants of a binding or token, each with the row that it is bound to. */
export function grantsOf({ spec, status }: GrantRow): Grant[] {
  const { boundTo = [] } = status;
  return spec.roleBindings.map((grant, i) => ({ ...grant, ...(boundTo[i] && { boundTo: boundTo[i] }) }));
}
