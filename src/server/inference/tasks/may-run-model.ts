import { AppError } from "../../../errors.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { transportFailure } from "../failure.ts";
import { findPersona, personaInModel } from "../personas/persona.ts";
import { nearestModel } from "../pools/nearest-model.ts";
import { resolve } from "../pools/resolve.ts";

/** True for a model that a principal may run, also where nobody can answer for it now. */
export function mayRunModel(snapshot: Snapshot, principal: Principal, model: string): boolean {
  const persona = personaInModel(model);
  try {
    if (persona === undefined) resolve(snapshot, principal, model);
    else findPersona(snapshot, principal, persona);
    return true;
  } catch (error) {
    return transportFailure(error).code === "unavailable";
  }
}

/** Returns the error for a model that a principal may not run, with the nearest one that it may. */
export function unknownModel(snapshot: Snapshot, principal: Principal, model: string): AppError {
  const hint = nearestModel(snapshot, principal, model);
  return new AppError("not_found", `there is no model "${model}" that you may run`, {
    ...(hint && { hint }),
  });
}
