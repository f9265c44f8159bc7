import { Type } from "@sinclair/typebox";
import { defineStage } from "./define.ts";

export const paginate = defineStage({
  type: "paginate",
  summary: "Cuts long texts into pages, gives the first one, and tells how to get the others.",
  fields: {
    pageBytes: Type.Optional(
      Type.Integer({
        minimum: 512,
        maximum: 1_000_000,
        description: "The most bytes of a page (default 8192)",
      }),
    ),
  },
});
