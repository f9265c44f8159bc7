import { token } from "../../../kinds/token.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { isOf } from "../store/typed-rows.ts";
import type { Principal } from "./policy.ts";

/** True if a principal may open a project, as far as its token and those that made it belong to one (T166). */
export function opensProject(
  snapshot: Snapshot,
  { kind, id, makers = [], projectId }: Principal,
  project: string,
): boolean {
  if (projectId !== undefined) return snapshot.named("project", project)?.id === projectId;
  if (kind !== "Token") return true;
  return [id, ...makers].every((one) => {
    const row = snapshot.byId.get(one);
    const own = isOf(token, row) ? row.spec.project : undefined;
    return own === undefined || own === project;
  });
}
