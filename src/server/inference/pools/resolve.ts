import { AppError } from "../../../errors.ts";
import { bareName } from "../../../kinds/aliases.ts";
import { grantWords, lacksRight } from "../../core/access/forbidden.ts";
import { decide, isVisible, type Principal } from "../../core/access/policy.ts";
import { oncePerObject } from "../../core/once-per-object.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { LlmRow } from "../../core/store/typed-rows.ts";
import { withAlias, withPattern } from "./aliases.ts";

/** The name of the pool of an llm: its `poolName`, or its own name without one. */
export function poolOf(llm: LlmRow): string {
  return llm.spec.poolName ?? llm.name;
}

/**
 * Returns the llms that can answer a call, sorted by name: the members of the pool or of the llm's pool that the
 * principal may run and that are active or hibernating.
 *
 * @param name the name of an llm or a pool, or an alias of an llm
 * @throws AppError `forbidden` if the principal may not run it, whether or not it exists; `not_found` if it does not
 *   exist, or not as far as the principal can see; `unavailable` if no member can be called now
 */
export function resolve(snapshot: Snapshot, principal: Principal, name: string): LlmRow[] {
  const llms = find(snapshot, principal, name);
  if (llms.length > 0) return callable(llms);
  const decision = decide(principal, "run", "llms", name, snapshot.named("llm", name));
  if (decision === "forbidden") throw lacksRight(`run llm "${name}"`, grantWords("run", "llms", name));
  throw new AppError("not_found", `llm "${name}" not found`);
}

/**
 * Returns the llms that a name calls, of those that the principal may run. The name of an llm wins over that of a pool,
 * this over an alias, and an alias over a pattern, of which the longest wins. What the principal cannot see is not there.
 */
function find(snapshot: Snapshot, principal: Principal, name: string): LlmRow[] {
  const bare = bareName(name);
  const found = findExact(snapshot, principal, bare);
  if (found === "refused") return [];
  if (found.length > 0) return found;
  for (const carriers of withPattern(snapshot, bare)) {
    const called = calledBy(snapshot, principal, carriers);
    if (called.length > 0) return called;
  }
  return [];
}

/** Returns what a name calls without a look at patterns; "refused" for an llm that the principal sees and may not run. */
function findExact(snapshot: Snapshot, principal: Principal, name: string): LlmRow[] | "refused" {
  const llm = snapshot.named("llm", name);
  if (llm && mayRun(principal, llm)) return calledBy(snapshot, principal, [llm]);
  if (llm && isVisible(principal, "llms", llm)) return "refused";
  const members = membersOf(snapshot, principal, name);
  return members.length > 0 ? members : calledBy(snapshot, principal, withAlias(snapshot, name));
}

/** Returns the llms that answer calls of some llms: those that the principal may run, with the members of their pools. */
function calledBy(snapshot: Snapshot, principal: Principal, llms: readonly LlmRow[]): LlmRow[] {
  const [first, ...others] = llms.filter((llm) => mayRun(principal, llm));
  if (!first) return [];
  // An llm without a pool is not a member of a pool that has its name.
  const answering = (llm: LlmRow) =>
    llm.spec.poolName === undefined ? [llm] : membersOf(snapshot, principal, llm.spec.poolName);
  if (others.length === 0) return answering(first);
  return [...new Set([first, ...others].flatMap((llm) => answering(llm)))];
}

/** True if an llm sleeps and can be woken. */
export function isHibernating({ status }: LlmRow): boolean {
  return status.status === "hibernating";
}

/** True if a principal may run an llm. */
export function mayRun(principal: Principal, llm: LlmRow): boolean {
  return decide(principal, "run", "llms", llm.name, llm) === "allow";
}

/** Returns the llms of a pool, also the one that is a pool of its own by its name, sorted by name. */
export function poolNamed(snapshot: Snapshot, pool: string): readonly LlmRow[] {
  const { byName, sorted } = snapshot.table("llm");
  const members = poolsOf(sorted).get(pool) ?? [];
  const alone = byName.get(pool);
  return alone?.spec.poolName === undefined && alone
    ? [...members, alone].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    : members;
}

/** The llms by `poolName`. */
const poolsOf = oncePerObject((llms: readonly LlmRow[]) => Map.groupBy(llms, ({ spec }) => spec.poolName));

function membersOf(snapshot: Snapshot, principal: Principal, pool: string): LlmRow[] {
  return (poolsOf(snapshot.table("llm").sorted).get(pool) ?? []).filter((llm) => mayRun(principal, llm));
}

function callable(llms: LlmRow[]): LlmRow[] {
  const ready = llms.filter((llm) => llm.status.status === "active" || isHibernating(llm));
  if (ready.length > 0) return ready;
  const [{ name, status }] = llms as [LlmRow];
  throw new AppError("unavailable", `llm "${name}" is ${status.status}`, { retryAfter: 30 });
}
