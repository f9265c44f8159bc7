import { Type } from "@sinclair/typebox";
import { defineStage } from "./define.ts";

export const redact = defineStage({
  type: "redact",
  summary: "Replaces what matches patterns with [redacted].",
  fields: {
    patterns: Type.Array(Type.String({ minLength: 1, maxLength: 500 }), {
      minItems: 1,
      maxItems: 50,
      description:
        "Regular expressions, without back references and looking around; ^ and $ are those of lines, and (?i) at the " +
        "beginning makes one match both cases",
    }),
  },
});
