import { sectionSplit } from "../../../../kinds/stages/section-split.ts";
import { cutTexts, fitTogether } from "../cut/cut.ts";
import { defineWork, type StageInput } from "./define.ts";

export const defaultSectionBytes = 8192;

export const sectionSplitWork = defineWork(
  sectionSplit,
  { phase: "cut", cuts: "section" },
  (input, { maxBytes = defaultSectionBytes }) => splitIntoSections(input, maxBytes),
);

/** Cuts texts that are long together at their headings. */
export async function splitIntoSections(input: StageInput, partSize: number): Promise<StageInput> {
  if (input.cut || fitTogether(input.texts, partSize)) return input;
  const parts = await cutTexts(input.texts, { partSize, bySection: true });
  return { ...input, cut: { word: "section", parts } };
}
