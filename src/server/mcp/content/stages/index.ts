import type { StageType } from "../../../../kinds/stages/index.ts";
import type { StageWork } from "./define.ts";
import { paginateWork } from "./paginate.ts";
import { passthroughWork } from "./passthrough.ts";
import { redactWork } from "./redact.ts";
import { sectionSplitWork } from "./section-split.ts";
import { summarizeTreeWork } from "./summarize-tree.ts";
import { truncateWork } from "./truncate.ts";

/** The work of all stages, by their type. */
export const stageWorks: Readonly<Record<StageType, StageWork>> = {
  passthrough: passthroughWork,
  paginate: paginateWork,
  "section-split": sectionSplitWork,
  "summarize-tree": summarizeTreeWork,
  redact: redactWork,
  truncate: truncateWork,
};
