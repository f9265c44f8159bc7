import type { Resource } from "../../../kinds/define.ts";
import { scopeOf, scopeParameter } from "../../../kinds/scopes.ts";
import { allowsWrite } from "../../../kinds/writes.ts";
import { listObjects } from "../../client/objects.ts";
import type { Context } from "../../core/context.ts";
import type { Manifest } from "../../manifest/manifest.ts";
import { inOrder } from "../../manifest/order.ts";
import type { FieldCondition } from "../../output/where.ts";
import { type Deletion, removeAll } from "../delete/deletion.ts";

/**
 * Deletes the objects of the manifests' kinds that meet all conditions and that no manifest names. What the server or a
 * workstation makes stays. On a terminal it asks, unless `force`.
 *
 * @returns the exit code
 */
export async function prune(
  manifests: readonly Manifest[],
  conditions: readonly FieldCondition[],
  { dryRun, force }: { dryRun: boolean; force: boolean },
  context: Context,
): Promise<number> {
  const kinds = [...new Set(inOrder(manifests).map(({ kind }) => kind))].reverse();
  const named = new Set(
    manifests.map(({ kind, name, fields }) => [kind.kind, scopeOf(kind, fields), name].join("/")),
  );
  const deletions: Deletion[] = [];
  for (const kind of kinds.filter((one) => allowsWrite(one, "delete"))) {
    const isLeft = (object: Resource) =>
      !named.has([kind.kind, scopeOf(kind, object), object.name].join("/")) &&
      object["builtIn"] !== true &&
      object["origin"] !== "virtual" &&
      conditions.every(({ isMet }) => isMet(object));
    const all = await listObjects(kind, { ...context, flags: { project: undefined } });
    for (const object of all.filter(isLeft))
      deletions.push({ kind, name: object.name, query: scopeParameter(kind, object) });
  }
  const ask = deletions.length > 0 && !force;
  return removeAll(deletions, { ask, dryRun, changed: manifests }, context);
}
