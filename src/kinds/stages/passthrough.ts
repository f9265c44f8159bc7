import { defineStage } from "./define.ts";

export const passthrough = defineStage({
  type: "passthrough",
  summary: "Leaves texts as they are.",
  fields: {},
});
