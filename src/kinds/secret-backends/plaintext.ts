import { Type } from "@sinclair/typebox";
import { defineBackendType } from "./define.ts";

export const plaintext = defineBackendType({
  name: "plaintext",
  display: "plain text",
  summary: "in the server's own database, readable",
  config: Type.Object({}, { additionalProperties: false }),
});
