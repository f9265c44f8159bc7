import type { Static, TObject, TProperties } from "@sinclair/typebox";
import type { Stage } from "../../../../kinds/stages/define.ts";
import type { Part } from "../cut/cut.ts";
import type { PartWord } from "../kept-results.ts";

/** Texts on their way through the stages. */
export interface StageInput {
  texts: readonly string[];
  /** Sentences for the reader about what a stage left out. */
  notes: readonly string[];
  /** Set once the texts are cut into parts. */
  cut?: { word: PartWord; parts: readonly Part[] };
  /** True if the reader gets summaries of the parts instead of the first part. */
  hasSummaries: boolean;
}

/**
 * The time at which a stage has its turn. What hides or shortens texts comes before what cuts them, whatever the order in
 * the proxy model: otherwise it would not see the parts that are read later.
 *
 * - `hide`: gets all strings that a client can read, also of errors and of `structuredContent`. If it fails, the result
 *   is not passed on.
 * - `shorten`, `cut`, `describe`: get the texts of results without errors
 */
export const phases = ["hide", "shorten", "cut", "describe"] as const;

/** The work of a stage of the content pipeline. */
export interface StageWork {
  type: string;
  phase: (typeof phases)[number];
  /** The word for the parts into which it cuts; undefined if it does not. */
  cuts?: PartWord;
  // biome-ignore lint/suspicious/noExplicitAny: the settings were checked against the fields of the stage
  run(input: StageInput, settings: any): StageInput | Promise<StageInput>;
}

/** Makes the work of a stage, with its settings typed as its fields say. */
export function defineWork<Name extends string, Fields extends TProperties>(
  { type }: Stage<Name, Fields>,
  when: Pick<StageWork, "phase" | "cuts">,
  run: (input: StageInput, settings: Static<TObject<Fields>>) => StageInput | Promise<StageInput>,
): StageWork {
  return { type, ...when, run };
}
