import type { PartWord } from "./kept-results.ts";
import { phases, type StageInput, type StageWork } from "./stages/define.ts";

/** The stages of a proxy model, in the order in which they have their turn. */
export interface StagePlan {
  hiding: readonly PlannedStage[];
  others: readonly PlannedStage[];
  /** The word for the parts that results are cut into; undefined if they are not cut. */
  cuts: PartWord | undefined;
}

export interface PlannedStage {
  work: StageWork;
  settings: unknown;
}

/** Puts the stages of a proxy model in order. */
export function planOf(
  stages: readonly { type: string }[],
  works: Readonly<Record<string, StageWork>>,
): StagePlan {
  const planned = stages
    .flatMap((settings) => {
      const work = works[settings.type];
      return work ? [{ work, settings }] : [];
    })
    .sort((a, b) => phases.indexOf(a.work.phase) - phases.indexOf(b.work.phase));
  return {
    hiding: planned.filter(({ work }) => work.phase === "hide"),
    others: planned.filter(({ work }) => work.phase !== "hide"),
    cuts: planned.find(({ work }) => work.cuts !== undefined)?.work.cuts,
  };
}

/** Sends texts through stages. A stage that fails passes on what it got. */
export async function runStages(
  stages: readonly PlannedStage[],
  texts: readonly string[],
  onFailure: (type: string, error: unknown) => void,
): Promise<StageInput> {
  let input: StageInput = { texts, notes: [], hasSummaries: false };
  for (const { work, settings } of stages) {
    try {
      input = await work.run(input, settings);
    } catch (error) {
      onFailure(work.type, error);
    }
  }
  return input;
}
