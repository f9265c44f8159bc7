import { AppError } from "../../../errors.ts";
import { bareName, claims, stemOf } from "../../../kinds/aliases.ts";
import type { Kind } from "../../../kinds/define.ts";
import { kinds } from "../../../kinds/index.ts";
import { decide, type Principal } from "../access/policy.ts";
import { oncePerObject } from "../once-per-object.ts";
import type { WriteCondition } from "../store/conditions.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { LlmRow } from "../store/typed-rows.ts";
import type { Row, Write } from "../store/types.ts";

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
 * Returns the condition under which a check of names still holds when the llm is written: two llms of different owners must
 * not take one name at the same time, also at two servers (T343). None if the llm takes no new name.
 */
export function namesStand({ before, name, poolName, aliases, snapshot }: Newcomer): WriteCondition[] {
  const known = new Set(before?.spec.aliases);
  const joins = poolName !== undefined && poolName !== before?.spec.poolName;
  const wanted = [
    ...(before ? [] : [name]),
    ...(joins ? [poolName] : []),
    ...aliases.filter((alias) => !known.has(alias)),
  ];
  if (wanted.length === 0) return [];
  const isPattern = wanted.some((alias) => stemOf(alias) !== undefined);
  return [
    {
      op: "ifNamesFree",
      names: isPattern ? undefined : wanted.map(bareName),
      since: snapshot.revision,
    },
  ];
}

/**
 * Checks that an llm gets no calls that are meant for the llms of other owners. Names of llms and pools and aliases are
 * one namespace: a call to a name may be answered by each llm that has it as its own name, as the name of its pool or as
 * an alias, or has a pattern that fits it.
 *
 * An llm may take a name that others have if all of them have the same owner, if the principal may edit all of them, or
 * if all of them admit the llm by its name (`admits`, which holds for the owner who has used it). A name that a row refers
 * to, such as a project, may be taken by the owner of the row and by principals that may edit it.
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

/** True if the principal may let the llm take a name of another one: it has the same owner, or may be edited. */
function isEditable({ principal, owner }: Newcomer, llm: LlmRow): boolean {
  return (
    (owner !== null && llm.owner === owner) || decide(principal, "update", "llms", llm.name, llm) === "allow"
  );
}

/** True if an llm admits the newcomer by its name. A later llm of that name and another owner is not admitted. */
function isAdmitted({ name, owner }: Newcomer, { spec, status }: LlmRow): boolean {
  if (!spec.admits?.includes(name)) return false;
  const known = status.admitted?.[name];
  return known === undefined || known === owner;
}

/**
 * Notes the owner of a newcomer in the llms that have admitted it, so that nobody else gets into the pool under its name when it
 * is gone (T370).
 *
 * @param rows gets the rows to write, by their ids, also those of other newcomers
 */
export function keepAdmissions(newcomer: Newcomer, rows: Map<string, LlmRow>): void {
  const { name, owner, poolName, aliases, before, snapshot } = newcomer;
  if (owner === null) return;
  const taken = [...aliases.map(bareName), ...(poolName === undefined ? [] : [poolName])];
  const { byName } = takenNames(snapshot.table("llm").sorted);
  for (const llm of taken.flatMap((one) => byName.get(one) ?? [])) {
    const isUsed = llm.id !== before?.id && isAdmitted(newcomer, llm) && !isEditable(newcomer, llm);
    if (!isUsed || llm.status.admitted?.[name] !== undefined) continue;
    const row = rows.get(llm.id) ?? { ...llm, version: llm.version + 1 };
    const admitted = { ...row.status.admitted, [name]: owner };
    rows.set(llm.id, { ...row, status: { ...row.status, admitted } });
  }
}

/** Returns the writes of rows of `keepAdmissions`. */
export function admissionWrites(snapshot: Snapshot, rows: ReadonlyMap<string, LlmRow>): Write[] {
  return [...rows.values()].map((row) => ({ op: "update", row: row as Row, refs: snapshot.refsOf(row.id) }));
}

/** Returns the owners of admitted llms without those whose names are not admitted any more. */
export function stillAdmitted({ spec, status }: LlmRow): LlmRow["status"] {
  const { admitted, ...rest } = status;
  const left = Object.entries(admitted ?? {}).filter(([name]) => spec.admits?.includes(name));
  return left.length === 0 ? rest : { ...rest, admitted: Object.fromEntries(left) };
}

function mayTake(newcomer: Newcomer, wanted: string): boolean {
  const { principal, snapshot, before, owner } = newcomer;
  const isOwn = (row: { owner: string | null }) => owner !== null && row.owner === owner;
  // It gets the calls of every name that nobody has.
  if (wanted === "*" && decide(principal, "update", "llms") !== "allow") return false;
  const { byName, patterns } = takenNames(snapshot.table("llm").sorted);
  const isOther = ({ id }: LlmRow) => id !== before?.id;
  const carriers = (byName.get(bareName(wanted)) ?? []).filter(isOther);
  const claiming = patterns.filter(({ alias, llm }) => claims(alias, wanted) && isOther(llm));
  const yields = (llm: LlmRow) => isAdmitted(newcomer, llm) || isEditable(newcomer, llm);
  if (!carriers.every(yields) || !claiming.every(({ llm }) => yields(llm))) return false;
  if (carriers.length > 0) return true;
  return kinds.every((kind) =>
    awaiting(kind, snapshot, wanted).every(
      (row) => isOwn(row) || decide(principal, "update", kind.plural, row.name, row) === "allow",
    ),
  );
}

/** The llms by what calls may name them, and their patterns: made once, because an llm may have fifty aliases (T294). */
const takenNames = oncePerObject((llms: readonly LlmRow[]) => {
  const byName = new Map<string, LlmRow[]>();
  const patterns: { alias: string; llm: LlmRow }[] = [];
  for (const llm of llms) {
    const { poolName, aliases = [] } = llm.spec;
    const others = poolName === undefined ? aliases.map(bareName) : [...aliases.map(bareName), poolName];
    // Most have no other name, and there may be tens of thousands of them.
    for (const name of others.length === 0 ? [llm.name] : new Set([llm.name, ...others])) {
      const same = byName.get(name);
      if (same) same.push(llm);
      else byName.set(name, [llm]);
    }
    for (const alias of aliases) if (stemOf(alias) !== undefined) patterns.push({ alias, llm });
  }
  return { byName, patterns };
});

/** The rows that wait for llms, by the names of these. */
const awaitedIn = new Map(
  kinds.map(({ kind, awaits }) => [
    kind,
    oncePerObject((rows: readonly Row[]) => {
      const awaited = new Map<string, Row[]>();
      for (const row of rows)
        for (const one of awaits(row.spec as never)) {
          if (one.kind !== "llm") continue;
          const same = awaited.get(one.name);
          if (same) same.push(row);
          else awaited.set(one.name, [row]);
        }
      return awaited;
    }),
  ]),
);

/** Returns the rows of a kind that wait for an llm whose calls a name or alias gets. */
function awaiting({ kind }: Kind, snapshot: Snapshot, wanted: string): readonly Row[] {
  const awaited = awaitedIn.get(kind)!(snapshot.table(kind).sorted);
  // A name is looked up: an agent brings hundreds of them.
  if (stemOf(wanted) === undefined) return awaited.get(bareName(wanted)) ?? [];
  return [...awaited].flatMap(([name, rows]) => (claims(wanted, name) ? rows : []));
}
