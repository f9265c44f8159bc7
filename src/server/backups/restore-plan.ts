import { eachInTurns } from "../../wire/next-turn.ts";
import type { ExistingRow } from "../core/store/copy/copy.ts";
import type { ResourceRow } from "./backup-rows.ts";

/** `skip` leaves objects as they are that stand here already; `replace` sets them to what the backup has. */
export type Merge = "skip" | "replace";

export interface RestoreOptions {
  /** Undefined: only into an empty database. */
  merge?: Merge | undefined;
  /** Do everything, and undo it in the end. */
  dryRun: boolean;
  /** False switches off the servers that run programs on the host. */
  mayRunPrograms: boolean;
  /** True if the server has a master key of sealed secrets. */
  hasMasterKey(id: string): boolean;
}

/** The effect of a restore on one object of the backup. */
export interface RestoreVerdict {
  result: "created" | "replaced" | "skipped";
  /** The id that it has here. */
  id: string;
  reason?: string;
  existing?: ExistingRow;
}

/** An object of a backup, as far as a plan needs it. */
export type PlannedRow = Pick<ResourceRow, "id" | "kind" | "scope" | "name" | "owner"> & {
  externalRef: string | undefined;
  /** The name of the secret backend that its values are on. */
  backend: string;
};

/** Objects whose values are bound to their own id: they cannot take the id of another one. */
const boundToId = new Set(["secret", "authorization"]);
/** Kinds of which each version of mcpctl has rows of its own. */
const comesWithMcpctl = new Set(["template", "proxymodel"]);

/**
 * Decides what becomes of each object of a backup, in several turns of the event loop (T338).
 *
 * @param hasValues returns true if the values of an object are in the backup, or on a backend elsewhere
 * @param merge undefined for an empty database: everything is created
 * @returns the verdicts by the id in the backup
 */
export async function planRestore(
  rows: readonly PlannedRow[],
  existing: readonly ExistingRow[],
  hasValues: (row: PlannedRow) => boolean,
  merge: Merge | undefined,
): Promise<ReadonlyMap<string, RestoreVerdict>> {
  const verdicts = new Map<string, RestoreVerdict>();
  if (merge === undefined) {
    await eachInTurns(rows, ({ id }) => verdicts.set(id, { result: "created", id }));
    return verdicts;
  }
  const byId = new Map<string, ExistingRow>();
  const byName = new Map<string, ExistingRow>();
  await eachInTurns(existing, (row) => {
    byId.set(row.id, row);
    byName.set(keyOf(row, row.owner), row);
  });
  const users = rows.filter(({ kind }) => kind === "user");
  const others = rows.filter(({ kind }) => kind !== "user");
  // Users first: the names of tokens are their owners' own.
  await eachInTurns([...users, ...others], (row) => {
    const owner = row.owner === null ? null : (verdicts.get(row.owner)?.id ?? row.owner);
    const same = byId.get(row.id);
    const match = same?.kind === row.kind ? same : byName.get(keyOf(row, owner));
    verdicts.set(row.id, match ? verdictOn(row, match, merge, hasValues) : { result: "created", id: row.id });
  });
  return verdicts;
}

function verdictOn(
  row: PlannedRow,
  existing: ExistingRow,
  merge: Merge,
  hasValues: (row: PlannedRow) => boolean,
): RestoreVerdict {
  const { id } = existing;
  const skipped = (reason?: string): RestoreVerdict => ({
    result: "skipped",
    id,
    existing,
    ...(reason && { reason }),
  });
  // Those of this version stay: the next start would bring them back.
  const isOwn = existing.isBuiltIn && comesWithMcpctl.has(row.kind);
  if (merge === "skip" || isOwn) return skipped();
  if (!boundToId.has(row.kind)) return { result: "replaced", id, existing };
  if (id !== row.id)
    return skipped(`another ${row.kind} has this name: delete it first to get the one of the backup`);
  if (existing.externalRef !== (row.externalRef ?? null) && !hasValues(row))
    return skipped("its values are not in the backup");
  return { result: "replaced", id, existing };
}

function keyOf(
  { kind, scope, name }: Pick<PlannedRow, "kind" | "scope" | "name">,
  owner: string | null,
): string {
  return JSON.stringify([kind, scope, name, kind === "token" ? owner : null]);
}
