import { AppError } from "../../../errors.ts";
import { agent } from "../../../kinds/agent.ts";
import { bareName } from "../../../kinds/aliases.ts";
import { isId } from "../../../kinds/names.ts";
import { grantWords, lacksRight } from "../../core/access/forbidden.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import { userPrincipal } from "../../core/access/principals.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { isOf, type LlmRow, type PersonaRow } from "../../core/store/typed-rows.ts";
import { poolOf, resolve } from "../pools/resolve.ts";

const prefix = "agent:";

/** The `model` that calls a persona. It cannot be the name of an llm, because names have no colon, nor an alias. */
export function personaModel(persona: PersonaRow): string {
  return prefix + persona.name;
}

/** The name of the persona that a `model` calls; undefined if it calls something else. */
export function personaInModel(model: unknown): string | undefined {
  if (typeof model !== "string") return undefined;
  const bare = bareName(model);
  return bare.startsWith(prefix) ? bare.slice(prefix.length) : undefined;
}

/**
 * Returns the persona of a name or an id, if the principal may run it.
 *
 * @throws AppError `forbidden` or `not_found`, in that order
 */
export function findPersona(snapshot: Snapshot, principal: Principal, idOrName: string): PersonaRow {
  const byId = isId(idOrName) ? snapshot.byId.get(idOrName) : undefined;
  const persona = isOf(agent, byId) ? byId : snapshot.named("agent", idOrName);
  const decision = decide(principal, "run", "agents", persona?.name ?? idOrName, persona);
  if (decision === "forbidden")
    throw lacksRight(`run agent "${idOrName}"`, grantWords("run", "agents", idOrName));
  if (decision === "hidden" || !persona) throw new AppError("not_found", `agent "${idOrName}" not found`);
  return persona;
}

/** True if a principal may run a persona. */
export function mayRunPersona(principal: Principal, persona: PersonaRow): boolean {
  return decide(principal, "run", "agents", persona.name, persona) === "allow";
}

/**
 * The llms that can answer for a persona. The rights of the persona's owner count, as they are now, and not those of
 * the caller.
 *
 * @throws AppError `forbidden` if the owner is gone or may not run the llm; `unavailable` as for the llm itself
 */
export function llmsOfPersona(snapshot: Snapshot, persona: PersonaRow): LlmRow[] {
  const owner = userPrincipal(snapshot, persona.owner);
  try {
    if (owner) return resolve(snapshot, owner, persona.spec.llm);
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "unavailable") throw error;
  }
  const why = owner ? "its owner may not run its llm" : "its owner is gone";
  throw new AppError("forbidden", `agent "${persona.name}" cannot be called: ${why}`);
}

/**
 * Returns an error as the caller of a persona may see it. If it names an llm that the caller may not see, or is about
 * the secret of one, the result says only that the persona cannot be called.
 *
 * @param tried the llm of the last attempt, as it was then: it may be deleted by now
 */
export function errorOfPersona(
  error: AppError,
  snapshot: Snapshot,
  principal: Principal,
  persona: PersonaRow,
  tried?: LlmRow,
): AppError {
  const llm = snapshot.named("llm", persona.spec.llm);
  const pool = snapshot.table("llm").sorted.filter((other) => llm && poolOf(other) === poolOf(llm));
  const hidden = [...pool, ...(tried ? [tried] : [])].filter((one) => !isVisible(principal, "llms", one));
  const text = JSON.stringify([error.message, error.hint, error.details]);
  const isNamed = ({ name }: LlmRow) => text.includes(`\\"${name}\\"`);
  const isAboutSecret = hidden.length > 0 && error.code === "secret_unavailable";
  if (!isAboutSecret && !hidden.some(isNamed)) return error;
  const { code, retryAfter, status } = error;
  return new AppError(code, `agent "${persona.name}" cannot be called now`, {
    status,
    cause: error,
    ...(retryAfter !== undefined && { retryAfter }),
  });
}
