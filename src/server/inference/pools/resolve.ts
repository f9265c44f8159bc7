import { AppError } from "../../../errors.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";

/** The pool an llm is in: its own name where it names none. */
export function poolOf(llm: LlmRow): string {
  return poolNameOf(llm) ?? llm.name;
}

function poolNameOf(llm: LlmRow): string | undefined {
  return llm.spec.poolName;
}

/** The llms a caller may run, sorted by name. */
export function runnable(snapshot: Snapshot, principal: Principal): LlmRow[] {
  return snapshot.table("llm").sorted.filter((llm) => mayRun(principal, llm));
}

/**
 * The llms that may answer a call, sorted by name: those of the pool of that name or of the llm of that name, as far as
 * the caller may run them, that answer or can be woken.
 *
 * @throws AppError `forbidden` when the caller may not run it whether or not it exists, `not_found` when it
 *   does not exist as far as the caller can tell, `unavailable` when none of them can be called now
 */
export function resolve(snapshot: Snapshot, principal: Principal, name: string): LlmRow[] {
  const llm = snapshot.named("llm", name);
  const decision = decide(principal, "run", "llms", name, llm);
  if (decision === "allow" && llm) {
    const pool = poolNameOf(llm);
    // Others can name the llm as their pool; it has not joined them.
    return callable(pool === undefined ? [llm] : membersOf(snapshot, principal, pool));
  }
  // Nothing of that name in sight: it may be a pool's, of which each member has a name of its own.
  if (!llm || !isVisible(principal, "llms", llm)) {
    const members = membersOf(snapshot, principal, name);
    if (members.length > 0) return callable(members);
  }
  if (decision === "forbidden") throw new AppError("forbidden", `you may not run llm "${name}"`);
  throw new AppError("not_found", `llm "${name}" not found`);
}

/** Whether an llm sleeps, and can be woken. */
export function isHibernating({ status }: LlmRow): boolean {
  return status.status === "hibernating";
}

function mayRun(principal: Principal, llm: LlmRow): boolean {
  return decide(principal, "run", "llms", llm.name, llm) === "allow";
}

/** A snapshot never changes, so who is in which pool is worked out once. */
const pools = new WeakMap<Snapshot, ReadonlyMap<string | undefined, LlmRow[]>>();

function membersOf(snapshot: Snapshot, principal: Principal, pool: string): LlmRow[] {
  const known = pools.get(snapshot) ?? Map.groupBy(snapshot.table("llm").sorted, poolNameOf);
  pools.set(snapshot, known);
  return (known.get(pool) ?? []).filter((llm) => mayRun(principal, llm));
}

function callable(llms: LlmRow[]): LlmRow[] {
  const ready = llms.filter((llm) => llm.status.status === "active" || isHibernating(llm));
  if (ready.length > 0) return ready;
  const [{ name, status }] = llms as [LlmRow];
  throw new AppError("unavailable", `llm "${name}" is ${status.status}`, { retryAfter: 30 });
}
