import type { Kind } from "../../../kinds/define.ts";
import { didYouMean } from "../../../kinds/names.ts";
import { mayName } from "../access/own-names.ts";
import type { Principal } from "../access/policy.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { Row } from "../store/types.ts";

/** The most faults of a write that get a suggestion, and the most rows that one is looked for in: a group may name thousands (T294). */
const most = { suggestions: 3, compared: 1000 };

/**
 * Returns the fault of a reference to something that does not exist or is hidden, with the nearest name that the principal
 * may use. It depends on nothing else, so that a hidden name cannot be guessed (T118).
 *
 * @param before faults before it
 */
export function missingTarget(
  { snapshot, principal }: { snapshot: Snapshot; principal: Principal },
  kind: Kind,
  name: string,
  before: number,
): string {
  const message = `there is no ${kind.kind} "${name}"`;
  if (before >= most.suggestions) return message;
  const rows: readonly Row[] = snapshot.table(kind.kind).sorted.slice(0, most.compared);
  const known = rows.filter((row) => mayName(principal, kind, row)).map((row) => row.name);
  const hint = didYouMean(name, known);
  return hint === undefined ? message : `${message}; ${hint}`;
}
