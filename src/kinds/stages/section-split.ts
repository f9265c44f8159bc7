import { Type } from "@sinclair/typebox";
import { defineStage } from "./define.ts";

export const sectionSplit = defineStage({
  type: "section-split",
  summary: "Cuts long texts into sections at their headings or list items, and gives an index of them.",
  fields: {
    maxBytes: Type.Optional(
      Type.Integer({
        minimum: 512,
        maximum: 1_000_000,
        description: "The most bytes of a section; shorter texts stay whole (default 8192)",
      }),
    ),
  },
});
