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
 * The llms that may answer a call, all of them active: the one of that name and no other, else those of the pool of
 * that name that the caller may run, sorted by name.
 *
 * @throws AppError `forbidden` when the caller may not run it whether or not it exists, `not_found` when it
 *   does not exist as far as the caller can tell, `unavailable` when it is not active
 */
export function resolve(snapshot: Snapshot, principal: Principal, name: string): Row[] {
  const llm = snapshot.named("llm", name);
  const decision = decide(principal, "run", "llms", name, llm);
  if (decision === "allow" && llm) return active([llm]);
  // Nothing of that name in sight: it may be a pool's, of which each member has a name of its own.
  if (!llm || !isVisible(principal, "llms", llm)) {
    const members = runnable(snapshot, principal).filter((member) => poolOf(member) === name);
    if (members.length > 0) return active(members);
  }
  if (decision === "forbidden") throw new AppError("forbidden", `you may not run llm "${name}"`);
  throw new AppError("not_found", `llm "${name}" not found`);
}

function active(llms: Row[]): Row[] {
  const ready = llms.filter((llm) => llm.status["status"] === "active");
  if (ready.length > 0) return ready;
  const [{ name, status }] = llms as [Row];
  throw new AppError("unavailable", `llm "${name}" is ${status["status"]}`, { retryAfter: 30 });
}
