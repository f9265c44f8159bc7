import { Type } from "@sinclair/typebox";
import { defineKind } from "./define.ts";
import { closedLimits, Limits, limitFlag } from "./limits.ts";

export const user = defineKind({
  kind: "user",
  plural: "users",
  display: "User",
  idPrefix: "usr",
  summary: "A person who can log in and create tokens.",
  order: 50,
  fields: Type.Object(
    {
      displayName: Type.Optional(Type.String({ maxLength: 200, description: "Free-text name" })),
      password: Type.Optional(
        Type.String({
          minLength: 8,
          maxLength: 1024,
          description:
            "The password, which is never shown; without one the user cannot log in. " +
            "Changing that of another user deletes the user's sessions and threads",
        }),
      ),
      limits: Type.Optional(
        Type.Object(Limits.properties, {
          ...closedLimits,
          description: "Limits of this user, all tokens together",
        }),
      ),
      quotas: Type.Optional(
        Type.Record(Type.String({ pattern: "^[a-z]+$" }), Type.Integer({ minimum: 0, maximum: 1_000_000 }), {
          "x-key-message": "must be the plural name of a kind, in lower-case letters",
          additionalProperties: false,
          maxProperties: 50,
          description:
            "Bounds on what this user can have, instead of the server's: llms, tokens, sessions, …",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    groups: Type.Array(Type.String(), { description: "The groups that list this user" }),
    hasPassword: Type.Boolean({ description: "True if the user can log in" }),
  }),
  writeOnly: ["password"],
  flags: {
    limit: limitFlag,
    quota: {
      field: "quotas",
      parse: "pairs",
      value: "NAME=N",
      description:
        "The most that the user can have of something: llms, tokens, sessions, threads, streams, …",
    },
  },
  columns: [
    { header: "NAME", path: "name" },
    { header: "DISPLAY-NAME", path: "displayName" },
    { header: "GROUPS", path: "groups" },
    { header: "PASSWORD", path: "hasPassword" },
    { header: "ID", path: "id" },
  ],
  example: { name: "alice", displayName: "Alice" },
});
