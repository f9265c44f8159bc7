import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";
import { proxyModelOf } from "../proxy-model.ts";
import type { PartWord } from "./kept-results.ts";
import { planOf } from "./stage-plan.ts";
import { stageWorks } from "./stages/index.ts";

/** Returns the word for the parts into which long results of a project are cut; undefined if they are not cut. */
export function cutsOf(snapshot: Snapshot, project: ProjectRow): PartWord | undefined {
  return planOf(proxyModelOf(snapshot, project).stages as { type: string }[], stageWorks).cuts;
}
