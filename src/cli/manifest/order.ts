import type { Manifest } from "./manifest.ts";
import { defaultOf } from "./reconcile.ts";

/**
 * The order in which `apply` creates objects; `delete -f` goes through it backwards. Objects are ordered by kind, and
 * those that another one of the set refers to come before it: the secret that a backend logs in with comes before the
 * backend. Objects that refer to each other in a circle are ordered by kind only; the server refuses them.
 */
export function inOrder(manifests: readonly Manifest[]): Manifest[] {
  const byKind = manifests.toSorted((a, b) => a.kind.order - b.kind.order);
  const targets = targetsWithin(byKind);
  const ordered = new Set<Manifest>();
  const place = (manifest: Manifest) => {
    if (ordered.has(manifest)) return;
    for (const target of targets.get(manifest)!) if (!reaches(target, manifest, targets)) place(target);
    ordered.add(manifest);
  };
  byKind.forEach(place);
  return [...ordered];
}

/**
 * Splits manifests that are in order into groups. The objects of a group have one kind and do not refer to each other, so
 * that they can be applied at the same time; the groups are applied one after the other.
 */
export function independentGroups(ordered: readonly Manifest[]): Manifest[][] {
  const targets = targetsWithin(ordered);
  const groups: Manifest[][] = [];
  for (const manifest of ordered) {
    const group = groups.at(-1);
    const isIndependent =
      group?.at(0)?.kind === manifest.kind &&
      // Of such a kind one object is the default: setting it changes another one, so their order counts.
      !("isDefault" in manifest.kind.fields.properties) &&
      !targets.get(manifest)!.some((target) => group?.includes(target));
    if (group && isIndependent) group.push(manifest);
    else groups.push([manifest]);
  }
  return groups;
}

type Targets = ReadonlyMap<Manifest, readonly Manifest[]>;

/** The objects of the set that each one refers to. A name in several scopes refers to all of them. */
function targetsWithin(manifests: readonly Manifest[]): Targets {
  const named = Map.groupBy(manifests, ({ kind, name }) => `${kind.kind}/${name}`);
  return new Map(
    manifests.map((manifest) => [
      manifest,
      referencesOf(manifest).flatMap(({ kind, name }) => named.get(`${kind}/${name}`) ?? []),
    ]),
  );
}

function referencesOf({ kind, fields }: Manifest) {
  const names = Object.keys(kind.fields.properties);
  // A descriptor expects complete fields: with defaults, and without null where it only clears.
  const complete = names.map((field) => [field, fields[field] ?? defaultOf(kind, field) ?? undefined]);
  return kind.references(Object.fromEntries(complete));
}

/** True if references lead from one object to another, or if both are the same. */
function reaches(from: Manifest, to: Manifest, targets: Targets): boolean {
  const seen = new Set([from]);
  for (const manifest of seen) {
    if (manifest === to) return true;
    for (const target of targets.get(manifest)!) seen.add(target);
  }
  return false;
}
