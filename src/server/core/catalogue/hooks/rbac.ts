import type { Hooks } from "../hooks.ts";
import { bindGrants, normaliseGrants } from "./grants.ts";

export const rbacHooks: Hooks = { normalise: normaliseGrants, prepare: bindGrants };
