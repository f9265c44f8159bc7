import { Type } from "@sinclair/typebox";
import { defineStage } from "./define.ts";

export const truncate = defineStage({
  type: "truncate",
  summary: "Cuts texts off, and says how much is missing.",
  fields: {
    bytes: Type.Integer({ minimum: 64, maximum: 10_000_000, description: "The most bytes of a text" }),
  },
});
