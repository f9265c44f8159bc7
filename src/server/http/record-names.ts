import { AppError } from "../../errors.ts";
import { isId } from "../../kinds/names.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { FormerName } from "../core/store/former-names.ts";
import type { Snapshot } from "../core/store/snapshot.ts";
import type { Row } from "../core/store/types.ts";

/** The name of a row of which the audit log or the usage has the id. */
export interface RecordName {
  name: string;
  /** RFC 3339; missing if the row still exists. */
  deletedAt?: string;
}

/** The most deleted rows of one name that are looked at. */
const mostOfOneName = 20;

/**
 * Reads the names of some ids: of rows that exist, and of deleted ones.
 *
 * @returns a function from an id to its name; undefined where none is known
 */
export async function recordNames(
  { snapshot, store }: Pick<Catalogue, "snapshot" | "store">,
  ids: Iterable<string | null>,
): Promise<(id: string | null) => RecordName | undefined> {
  const gone = [...new Set(ids)].filter(
    (id): id is string => id !== null && id !== "" && !snapshot.byId.has(id),
  );
  const former = new Map(
    gone.length === 0 ? [] : (await store.formerNames(gone)).map((one) => [one.id, one] as const),
  );
  return (id) => {
    if (id === null) return undefined;
    const name = snapshot.nameOf(id);
    if (name !== null) return { name };
    const deleted = former.get(id);
    return deleted && { name: deleted.name, deletedAt: new Date(deleted.deletedAt).toISOString() };
  };
}

/**
 * Returns the id of the user or token that a name or an id means: the one that has the name, else the deleted one that
 * had it. A new one never stands for an earlier one of the same name.
 *
 * @throws AppError `conflict` if several deleted ones had the name
 */
export async function recordedId(
  { snapshot, store }: Pick<Catalogue, "snapshot" | "store">,
  kind: "user" | "token",
  nameOrId: string,
): Promise<string> {
  const row = snapshot.named(kind, nameOrId);
  if (row) return row.id;
  if (isId(nameOrId)) return nameOrId;
  const former = await store.formerlyNamed(kind, [nameOrId], mostOfOneName);
  if (former.length > 1) throw severalFormer(`${kind}s`, nameOrId, former);
  return former[0]?.id ?? nameOrId;
}

/** Returns the error about a name that several deleted rows had. */
export function severalFormer(plural: string, name: string, former: readonly FormerName[]): AppError {
  const ids = former.map(({ id, deletedAt }) => `${id} (deleted ${new Date(deletedAt).toISOString()})`);
  return new AppError("conflict", `there were several ${plural} "${name}"`, {
    hint: `give the id of one: ${ids.join(", ")}`,
  });
}

/** The calls of one llm in the records: those of a name, in the time in which the llm had it. */
export interface LlmPeriod {
  name: string;
  /** Milliseconds since 1970. */
  since?: number;
  until?: number;
}

/**
 * Returns the period that the name or the id of an llm means in the records, which know llms by name. A name means the
 * llm that has it: calls of another owner's llm that had it before are not among its calls.
 */
export async function llmPeriod(
  { snapshot, store }: Pick<Catalogue, "snapshot" | "store">,
  nameOrId: string,
): Promise<LlmPeriod> {
  if (isId(nameOrId)) {
    const row = snapshot.byId.get(nameOrId);
    if (row) return { name: row.name, since: row.createdAt };
    const [former] = await store.formerNames([nameOrId]);
    return former
      ? { name: former.name, since: former.createdAt, until: former.deletedAt + 1 }
      : { name: nameOrId };
  }
  const row = snapshot.named("llm", nameOrId);
  if (!row) return { name: nameOrId };
  const before = predecessors(row, await store.formerlyNamed("llm", [nameOrId], mostOfOneName));
  return { name: nameOrId, ...(before.length > 0 && { since: before[0]!.deletedAt + 1 }) };
}

/**
 * Returns the deleted rows that had the name of a row before it and were of another owner, the last deleted first. A row
 * that its own owner has made anew is the same to everybody: so are the llms of a workstation that comes back.
 */
export function predecessors(row: Row, former: readonly FormerName[]): FormerName[] {
  return former.filter(
    ({ owner, name, deletedAt }) =>
      name === row.name && owner !== null && owner !== row.owner && deletedAt <= row.createdAt,
  );
}

/**
 * Returns the deleted llm that the usage of a day is of: there is no llm of the name, or it was made by another owner
 * on a later day.
 */
export function formerLlmOf(
  snapshot: Snapshot,
  llm: string,
  endOfDay: number,
  former: readonly FormerName[],
): FormerName | undefined {
  const row = snapshot.named("llm", llm);
  if (!row) return former.find(({ name }) => name === llm);
  if (row.createdAt < endOfDay) return undefined;
  return predecessors(row, former).at(0);
}
