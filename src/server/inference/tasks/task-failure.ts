import type { AppError } from "../../../errors.ts";
import { bareName } from "../../../kinds/aliases.ts";
import type { Principal } from "../../core/access/policy.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { transportFailure } from "../failure.ts";
import { findPersona, llmsOfPersona, personaInModel } from "../personas/persona.ts";
import { resolve } from "../pools/resolve.ts";

/** The most calls of one task that failed for a reason that may pass. */
export const mostAttempts = 3;

/**
 * The way on after a failed call. `wait`: the llm cannot take it now, and the attempt does not count. `again`: it may work
 * another time. `never`: it will not.
 */
export type AfterFailure = "wait" | "again" | "never";

/** Decides about a task by the error of its call. */
export function afterFailure({ code, status, provider }: AppError): AfterFailure {
  const meaning = provider?.meaning?.is;
  if (meaning !== undefined) return "never";
  switch (code) {
    case "unavailable":
    case "server_busy":
    case "too_many_requests":
    case "provider_unreachable":
    case "storage_full":
      return "wait";
    case "provider_timeout":
    case "internal":
      return "again";
    default:
      return status >= 500 && status !== 501 && status !== 508 && code === "provider_error"
        ? "again"
        : "never";
  }
}

/**
 * Returns the reason why nobody can answer calls of a model now; undefined if somebody can, or if the call itself will say
 * what is wrong. An llm that is gone may come back: a workstation that sleeps long publishes nothing.
 */
export function absenceOf(snapshot: Snapshot, principal: Principal, model: string): AppError | undefined {
  const persona = personaInModel(model);
  try {
    if (persona === undefined) resolve(snapshot, principal, model);
    else llmsOfPersona(snapshot, findPersona(snapshot, principal, persona));
    return undefined;
  } catch (thrown) {
    const error = transportFailure(thrown);
    const isGone = persona === undefined && !snapshot.named("llm", bareName(model));
    return error.code === "unavailable" || (isGone && isMissing(error)) ? error : undefined;
  }
}

function isMissing({ code }: AppError): boolean {
  return code === "not_found" || code === "forbidden";
}
