import { AppError } from "../../../errors.ts";
import { bareName, claims } from "../../../kinds/aliases.ts";
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
  aliases: readonly string[];
}

/**
 * Checks that an llm gets no calls that are meant for the llms of other owners. Names of llms and pools and aliases are
 * one namespace: a call to a name may be answered by each llm that has it as its own name, as the name of its pool or as
 * an alias, or has a pattern that fits it.
 *
 * An llm may take a name that others have if all of them have the same owner, if the principal may edit all of them, or
 * if all of them admit the llm by its name (`admits`). A name that a row refers to, such as a project, may be taken by the
 * owner of the row and by principals that may edit it.
 *
 * @throws AppError `forbidden` when it may not join a pool, `name_taken` when its own name is a pool of others, or an
 *   alias is
 */
export function checkNames(newcomer: Newcomer): void {
  const { before, name, poolName, aliases, snapshot } = newcomer;
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
  for (const alias of aliases) {
    if (before?.spec.aliases?.includes(alias)) continue;
    if (!mayTake(newcomer, alias))
      throw new AppError(
        "name_taken",
        alias === "*"
          ? "the alias * needs edit on all llms"
          : `the alias "${alias}" is taken by llms of other owners`,
        {
          hint: hintFor(name, alias),
        },
      );
    if (bareName(alias) !== name && snapshot.named("llm", bareName(alias)))
      throw new AppError("name_taken", `"${alias}" is the name of an llm, which gets its calls`);
  }
}

function hintFor(name: string, pool: string): string {
  return `it needs edit on them, or that their owner runs: mcpctl admit ${name} --pool ${pool}`;
}

function mayTake(newcomer: Newcomer, wanted: string): boolean {
  const { principal, snapshot, before, name, owner } = newcomer;
  const isOwn = (row: { owner: string | null }) => owner !== null && row.owner === owner;
  // It gets the calls of every name that nobody has.
  if (wanted === "*" && decide(principal, "update", "llms") !== "allow") return false;
  const bare = bareName(wanted);
  const others = snapshot.table("llm").sorted.filter(({ id }) => id !== before?.id);
  const carriers = others.filter(
    ({ name, spec }) =>
      name === bare || spec.poolName === bare || spec.aliases?.some((alias) => bareName(alias) === bare),
  );
  const claiming = others.filter(({ spec }) => spec.aliases?.some((alias) => claims(alias, wanted)));
  const yields = (llm: LlmRow) =>
    isOwn(llm) ||
    llm.spec.admits?.includes(name) ||
    decide(principal, "update", "llms", llm.name, llm) === "allow";
  if (![...carriers, ...claiming].every(yields)) return false;
  if (carriers.length > 0) return true;
  return kinds.every(({ kind, plural, awaits }) =>
    snapshot
      .table(kind)
      .sorted.filter((row) => awaits(row.spec).some((one) => one.kind === "llm" && isMeant(one.name, wanted)))
      .every((row) => isOwn(row) || decide(principal, "update", plural, row.name, row) === "allow"),
  );
}

/** True if a name or alias gets the calls of a name that a row waits for. */
function isMeant(awaited: string, wanted: string): boolean {
  return awaited === bareName(wanted) || claims(wanted, awaited);
}
