import { AppError } from "../../../errors.ts";
import { isId } from "../../../kinds/names.ts";
import type { Verb } from "./policy.ts";

/**
 * The error for somebody who lacks a right, with the way to get it. It is the same if the object exists or not.
 *
 * @param what `view llms`, for the sentence
 * @param grant the words of `mcpctl grant` for this right: `view llms`
 */
export function lacksRight(what: string, grant: string): AppError {
  return new AppError("forbidden", `you may not ${what}`, {
    hint: `an administrator can allow it: mcpctl grant USER ${grant}; to see what you may do: mcpctl auth can-i --list`,
  });
}

/** Returns the words of `mcpctl grant` for a verb on a kind, or on one object of it. */
export function grantWords(verb: Verb, resource: string, idOrName?: string): string {
  const role = verb === "update" ? "edit" : verb;
  return `${role} ${resource}${idOrName === undefined || isId(idOrName) ? "" : `/${idOrName}`}`;
}
