import { summarizeTree } from "../../../../kinds/stages/summarize-tree.ts";
import { defineWork } from "./define.ts";
import { defaultSectionBytes, splitIntoSections } from "./section-split.ts";

export const summarizeTreeWork = defineWork(
  summarizeTree,
  { phase: "describe", cuts: "section" },
  async (input) => {
    const sections = await splitIntoSections(input, defaultSectionBytes);
    return { ...sections, hasSummaries: sections.cut !== undefined };
  },
);
