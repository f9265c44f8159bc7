import { Type } from "@sinclair/typebox";
import { defineKind, nullable, oneOf } from "./define.ts";
import { RoleBindings } from "./grants.ts";
import { closedLimits, Limits, limitFlag } from "./limits.ts";

export const token = defineKind({
  kind: "token",
  plural: "tokens",
  short: ["mcptoken", "mcptokens"],
  display: "Token",
  idPrefix: "tok",
  summary: "A bearer for a program. Its rights are its own and its maker's, whichever is less.",
  order: 90,
  scopedBy: "project",
  fields: Type.Object(
    {
      project: Type.Optional(Type.String({ minLength: 1, description: "The project it is made for" })),
      description: Type.Optional(Type.String({ maxLength: 500, description: "For people" })),
      expiresAt: nullable(Type.String({ format: "date-time" }), {
        description: "RFC 3339; null is never",
      }),
      roleBindings: RoleBindings,
      limits: Type.Optional(
        Type.Object(Limits.properties, { ...closedLimits, description: "How much may be used with it" }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    owner: Type.String({ description: "The user who made it" }),
    prefix: Type.String({ description: "How the bearer begins" }),
    lastUsedAt: nullable(Type.String(), { description: "To the minute" }),
    status: oneOf(["active", "expired"], { description: "Whether it is accepted" }),
  }),
  volatile: ["lastUsedAt", "status"],
  immutable: ["project", "description", "expiresAt", "roleBindings", "limits"],
  references: (token) =>
    token.project === undefined
      ? []
      : [{ path: "/project", kind: "project", name: token.project, onDelete: "restrict" }],
  columns: [
    { header: "NAME", path: "name" },
    { header: "PROJECT", path: "project" },
    { header: "PREFIX", path: "prefix" },
    { header: "CREATED", path: "createdAt", format: "age" },
    { header: "LAST-USED", path: "lastUsedAt", format: "age" },
    { header: "EXPIRES", path: "expiresAt", format: "age" },
    { header: "STATUS", path: "status" },
    { header: "OWNER", path: "owner", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    project: { field: "project", alias: "p" },
    bind: { field: "roleBindings", parse: "grant", value: "role:…,resource:…[,name:…]" },
    ttl: { field: "expiresAt", parse: "ttl", value: "30d|never|RFC3339" },
    limit: limitFlag,
  },
  example: { name: "laptop", roleBindings: [{ role: "run", resource: "llms" }] },
});
