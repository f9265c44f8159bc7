import { Type } from "@sinclair/typebox";
import { defineKind, oneOf } from "./define.ts";

export const secretBackend = defineKind({
  kind: "secretbackend",
  plural: "secretbackends",
  short: ["sb"],
  display: "SecretBackend",
  idPrefix: "sbe",
  summary: "A place where the values of secrets are kept.",
  order: 10,
  fields: Type.Object(
    {
      type: oneOf(["plaintext"], { description: "plaintext: in the server's own database" }),
      isDefault: Type.Boolean({ default: false, description: "Where secrets go that name no backend" }),
      config: Type.Record(Type.String(), Type.Unknown(), { default: {}, description: "Depends on the type" }),
      description: Type.String({ default: "", maxLength: 500, description: "For people" }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    secretCount: Type.Integer({ description: "How many secrets it holds" }),
  }),
  immutable: ["type"],
  columns: [
    { header: "NAME", path: "name" },
    { header: "TYPE", path: "type" },
    { header: "DEFAULT", path: "isDefault" },
    { header: "SECRETS", path: "secretCount" },
    { header: "ID", path: "id" },
  ],
  flags: {
    default: { field: "isDefault", description: "Make it the one that new secrets go to" },
    config: { field: "config", parse: "pairs", value: "k=v" },
  },
  example: { name: "second", type: "plaintext", description: "Kept apart" },
});
