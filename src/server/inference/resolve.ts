import { AppError } from "../../errors.ts";
import { decide, isVisible, type Principal } from "../access/policy.ts";
import type { Snapshot } from "../catalogue/snapshot.ts";
import type { Row } from "../store/types.ts";

/** The pool an llm is in: its own name where it names none. */
export function poolOf(llm: Row): string {
  return (llm.spec["poolName"] as string | undefined) ?? llm.name;
}

/** The llms a caller may run, sorted by name. */
export function runnable(snapshot: Snapshot, principal: Principal): Row[] {
  return snapshot
    .table("llm")
    .sorted.filter((llm) => decide(principal, "run", "llms", llm.name, llm) === "allow");
}

/**
 * The llm that answers a call: the one of that name, else one of the pool of that name that the caller may run;
 * an active one before others, random among equals.
 *
 * @throws AppError `forbidden` when the caller may not run it whether or not it exists, `not_found` when it
 *   does not exist as far as the caller can tell, `unavailable` when it is not active
 */
export function resolve(snapshot: Snapshot, principal: Principal, name: string, random: () => number): Row {
  const llm = snapshot.named("llm", name);
  const decision = decide(principal, "run", "llms", name, llm);
  if (decision === "allow" && llm) return active(llm);
  // Nothing of that name in sight: it may be a pool's, of which each member has a name of its own.
  if (!llm || !isVisible(principal, "llms", llm)) {
    const members = runnable(snapshot, principal).filter((member) => poolOf(member) === name);
    const ready = members.filter((member) => member.status["status"] === "active");
    const choice = ready.length > 0 ? ready : members;
    if (choice.length > 0) return active(choice[Math.floor(random() * choice.length)]!);
  }
  if (decision === "forbidden") throw new AppError("forbidden", `you may not run llm "${name}"`);
  throw new AppError("not_found", `llm "${name}" not found`);
}

function active(llm: Row): Row {
  if (llm.status["status"] === "active") return llm;
  throw new AppError("unavailable", `llm "${llm.name}" is ${llm.status["status"]}`, { retryAfter: 30 });
}
