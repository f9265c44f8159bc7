import type { RowOf } from "../../store/typed-rows.ts";
import type { Hooks } from "../hooks.ts";
import { bindGrants, normaliseGrants } from "./grants.ts";

export const rbacHooks: Hooks<RowOf<"rbac">> = { normalise: normaliseGrants, prepare: bindGrants };
