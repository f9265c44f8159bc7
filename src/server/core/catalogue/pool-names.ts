import { AppError } from "../../../errors.ts";
import { kinds } from "../../../kinds/index.ts";
import { decide, type Principal } from "../access/policy.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { LlmRow } from "../store/typed-rows.ts";

/** An llm that takes a name or joins a pool. */
export interface Newcomer {
  principal: Principal;
  snapshot: Snapshot;
  /** The row as it is stored; undefined for a new one. */
  before: LlmRow | undefined;
  name: string;
  owner: string | null;
  poolName: string | undefined;
}

/**
 * Checks that an llm gets no calls that are meant for the llms of other owners. Names of llms and pools are one
 * namespace: a call to a name may be answered by each llm that has it as its own name or as the name of its pool.
 *
 * An llm may take a name that others have if all of them have the same owner, if the principal may edit all of them, or
 * if all of them admit the llm by its name (`admits`). A name that a row refers to, such as a project, may be taken by the
 * owner of the row and by principals that may edit it.
 *
 * @throws AppError `forbidden` when it may not join a pool, `name_taken` when its own name is a pool of others
 */
export function checkNames(newcomer: Newcomer): void {
  const { before, name, poolName } = newcomer;
  if (!before && !mayTake(newcomer, name))
    throw new AppError("name_taken", `the name "${name}" is taken by llms of other owners`, {
      hint: hintFor(name, name),
    });
  if (poolName !== undefined && poolName !== before?.spec.poolName && !mayTake(newcomer, poolName))
    throw new AppError(
      "forbidden",
      `you may not join the pool "${poolName}", which has llms of other owners`,
      {
        hint: hintFor(name, poolName),
      },
    );
}

function hintFor(name: string, pool: string): string {
  return `it needs edit on them, or that their owner runs: mcpctl admit ${name} --pool ${pool}`;
}

function mayTake(newcomer: Newcomer, wanted: string): boolean {
  const { principal, snapshot, before, name, owner } = newcomer;
  const isOwn = (row: { owner: string | null }) => owner !== null && row.owner === owner;
  const carriers = snapshot
    .table("llm")
    .sorted.filter((llm) => llm.id !== before?.id && (llm.name === wanted || llm.spec.poolName === wanted));
  if (carriers.length > 0)
    return carriers.every(
      (llm) =>
        isOwn(llm) ||
        llm.spec.admits?.includes(name) ||
        decide(principal, "update", "llms", llm.name, llm) === "allow",
    );
  return kinds.every(({ kind, plural, awaits }) =>
    snapshot
      .table(kind)
      .sorted.filter((row) => awaits(row.spec).some((one) => one.kind === "llm" && one.name === wanted))
      .every((row) => isOwn(row) || decide(principal, "update", plural, row.name, row) === "allow"),
  );
}
