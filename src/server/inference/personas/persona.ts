import { AppError } from "../../../errors.ts";
import { agent as persona } from "../../../kinds/agent.ts";
import { isId } from "../../../kinds/names.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import { userPrincipal } from "../../core/access/principals.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import { isOf, type LlmRow, type PersonaRow } from "../../core/store/typed-rows.ts";
import { poolOf, resolve } from "../pools/resolve.ts";

const prefix = "agent:";

/** What a persona is called where an llm's name could stand, too: no llm's name has a colon. */
export function modelOfAgent(agent: PersonaRow): string {
  return prefix + agent.name;
}

/** The persona that a body's `model` names; undefined when it names something else. */
export function agentInModel(model: unknown): string | undefined {
  return typeof model === "string" && model.startsWith(prefix) ? model.slice(prefix.length) : undefined;
}

/**
 * The persona of a name or an id, for somebody who may run it.
 *
 * @throws AppError `forbidden` or `not_found`, in that order
 */
export function findAgent(snapshot: Snapshot, principal: Principal, idOrName: string): PersonaRow {
  const byId = isId(idOrName) ? snapshot.byId.get(idOrName) : undefined;
  const agent = isOf(persona, byId) ? byId : snapshot.named("agent", idOrName);
  const decision = decide(principal, "run", "agents", agent?.name ?? idOrName, agent);
  if (decision === "forbidden") throw new AppError("forbidden", `you may not run agent "${idOrName}"`);
  if (decision === "hidden" || !agent) throw new AppError("not_found", `agent "${idOrName}" not found`);
  return agent;
}

/** The personas that somebody may run, sorted by name. */
export function runnableAgents(snapshot: Snapshot, principal: Principal): PersonaRow[] {
  const { sorted } = snapshot.table("agent");
  return sorted.filter((agent) => decide(principal, "run", "agents", agent.name, agent) === "allow");
}

/**
 * The llms that may answer for a persona: its owner's right counts, as it is now, and not the caller's.
 *
 * @throws AppError `forbidden` when its owner is gone or may not run its llm; `unavailable` as for the llm itself
 */
export function llmsOfAgent(snapshot: Snapshot, agent: PersonaRow): LlmRow[] {
  const owner = userPrincipal(snapshot, agent.owner);
  try {
    if (owner) return resolve(snapshot, owner, agent.spec.llm);
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "unavailable") throw error;
  }
  const why = owner ? "its owner may not run its llm" : "its owner is gone";
  throw new AppError("forbidden", `agent "${agent.name}" cannot be called: ${why}`);
}

/**
 * An error as a persona's caller is told it: where it would name an llm that is not for this caller to know of, or what
 * belongs to that, only that the persona cannot be called.
 *
 * @param tried the llm that was to answer last, as it was then: it may be gone by now
 */
export function toldOfAgent(
  error: AppError,
  snapshot: Snapshot,
  principal: Principal,
  agent: PersonaRow,
  tried?: LlmRow,
): AppError {
  const llm = snapshot.named("llm", agent.spec.llm);
  const pool = snapshot.table("llm").sorted.filter((other) => llm && poolOf(other) === poolOf(llm));
  const hidden = [...pool, ...(tried ? [tried] : [])].filter((one) => !isVisible(principal, "llms", one));
  const words = JSON.stringify([error.message, error.hint, error.details]);
  const isAbout = ({ name }: LlmRow) => words.includes(`\\"${name}\\"`);
  const ofHidden = hidden.length > 0 && error.code === "secret_unavailable";
  if (!ofHidden && !hidden.some(isAbout)) return error;
  const { code, retryAfter, status } = error;
  return new AppError(code, `agent "${agent.name}" cannot be called now`, {
    status,
    cause: error,
    ...(retryAfter !== undefined && { retryAfter }),
  });
}
