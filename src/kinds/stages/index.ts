import { type TSchema, Type } from "@sinclair/typebox";
import { type Stage, stageSchema } from "./define.ts";
import { paginate } from "./paginate.ts";
import { passthrough } from "./passthrough.ts";
import { redact } from "./redact.ts";
import { sectionSplit } from "./section-split.ts";
import { summarizeTree } from "./summarize-tree.ts";
import { truncate } from "./truncate.ts";

const all = [passthrough, paginate, sectionSplit, summarizeTree, redact, truncate] as const;

/** All stages of the content pipeline. */
export const stages: readonly Stage[] = all;

/** The name of a stage, as the field `type` has it. */
export type StageType = (typeof all)[number]["type"];

/** The schema of one stage in the list of a proxy model. */
export const StageSettings: TSchema = Type.Union(
  all.map((stage) => stageSchema(stage) as TSchema),
  {
    description: "A stage and its settings",
  },
);
