import { defineStage } from "./define.ts";

export const summarizeTree = defineStage({
  type: "summarize-tree",
  summary: "Gives a summary of each section of a long text instead of its beginning.",
  fields: {},
});
