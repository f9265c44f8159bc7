import { Type } from "@sinclair/typebox";
import { defineBackendType } from "./define.ts";

export const sealed = defineBackendType({
  name: "sealed",
  display: "sealed",
  summary: "in the server's own database, encrypted with the master key",
  config: Type.Object({}, { additionalProperties: false }),
  usesMasterKey: true,
});
