import { AppError } from "../../../errors.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";

/** The name of the pool of an llm: its `poolName`, or its own name without one. */
export function poolOf(llm: LlmRow): string {
  return llm.spec.poolName ?? llm.name;
}

/** The llms that a principal may run, sorted by name. */
export function runnable(snapshot: Snapshot, principal: Principal): LlmRow[] {
  return snapshot.table("llm").sorted.filter((llm) => mayRun(principal, llm));
}

/**
 * Returns the llms that can answer a call, sorted by name: the members of the pool or of the llm's pool that the
 * principal may run and that are active or hibernating.
 *
 * @param name the name of an llm or a pool
 * @throws AppError `forbidden` if the principal may not run it, whether or not it exists; `not_found` if it does not
 *   exist, or not as far as the principal can see; `unavailable` if no member can be called now
 */
export function resolve(snapshot: Snapshot, principal: Principal, name: string): LlmRow[] {
  const llm = snapshot.named("llm", name);
  const decision = decide(principal, "run", "llms", name, llm);
  if (decision === "allow" && llm) {
    const pool = llm.spec.poolName;
    // An llm without a pool is not a member of a pool that has its name.
    return callable(pool === undefined ? [llm] : membersOf(snapshot, principal, pool));
  }
  // The principal sees no llm of that name. It can be the name of a pool.
  if (!llm || !isVisible(principal, "llms", llm)) {
    const members = membersOf(snapshot, principal, name);
    if (members.length > 0) return callable(members);
  }
  if (decision === "forbidden") throw new AppError("forbidden", `you may not run llm "${name}"`);
  throw new AppError("not_found", `llm "${name}" not found`);
}

/** True if an llm sleeps and can be woken. */
export function isHibernating({ status }: LlmRow): boolean {
  return status.status === "hibernating";
}

function mayRun(principal: Principal, llm: LlmRow): boolean {
  return decide(principal, "run", "llms", llm.name, llm) === "allow";
}

/** The llms of a snapshot by `poolName`. */
const poolsOf = oncePerObject((snapshot: Snapshot) =>
  Map.groupBy(snapshot.table("llm").sorted, ({ spec }) => spec.poolName),
);

function membersOf(snapshot: Snapshot, principal: Principal, pool: string): LlmRow[] {
  return (poolsOf(snapshot).get(pool) ?? []).filter((llm) => mayRun(principal, llm));
}

function callable(llms: LlmRow[]): LlmRow[] {
  const ready = llms.filter((llm) => llm.status.status === "active" || isHibernating(llm));
  if (ready.length > 0) return ready;
  const [{ name, status }] = llms as [LlmRow];
  throw new AppError("unavailable", `llm "${name}" is ${status.status}`, { retryAfter: 30 });
}
