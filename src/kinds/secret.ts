import { Type } from "@sinclair/typebox";
import { defineKind, Owner } from "./define.ts";
import { keyText } from "./names.ts";

export const secret = defineKind({
  kind: "secret",
  plural: "secrets",
  short: ["sec"],
  display: "Secret",
  idPrefix: "sec",
  summary: "Named values on a secret backend. A read shows the keys, not the values.",
  order: 20,
  fields: Type.Object(
    {
      data: Type.Record(
        Type.String({ pattern: keyText.pattern }),
        // Without control characters: a line break in a key would split the header that it is sent in (T14).
        Type.String({ minLength: 1, maxLength: 65_536 }),
        {
          "x-key-message": keyText["x-message"],
          minProperties: 1,
          maxProperties: 100,
          additionalProperties: false,
          description: "Values by key; null removes a key",
        },
      ),
      backend: Type.Optional(
        Type.String({ description: "The secret backend that stores them; the default backend if left out" }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    keys: Type.Array(Type.String(), { description: "The keys, without their values" }),
    externalRef: Type.String({ description: "The backend's name for the stored values" }),
    owner: Owner,
  }),
  immutable: ["backend"],
  writeOnly: ["data"],
  exported: ["keys"],
  references: (secret) =>
    secret.backend === undefined
      ? []
      : [{ path: "/backend", kind: "secretbackend", name: secret.backend, onDelete: "restrict" }],
  columns: [
    { header: "NAME", path: "name" },
    { header: "BACKEND", path: "backend" },
    { header: "KEYS", path: "keys" },
    { header: "ID", path: "id" },
  ],
  flags: {
    data: {
      field: "data",
      parse: "secret",
      value: "K=V",
      description: "A key and its value; K=@file reads a file, K=- reads standard input or asks",
    },
  },
  example: { name: "anthropic", data: { "api-key": "sk-ant-..." } },
});
