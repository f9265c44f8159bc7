import { Type } from "@sinclair/typebox";
import { defineKind, nullable, Owner, oneOf } from "./define.ts";
import { RoleBindings } from "./grants.ts";
import { closedLimits, Limits, limitFlag } from "./limits.ts";

export const token = defineKind({
  kind: "token",
  plural: "tokens",
  short: ["mcptoken", "mcptokens"],
  display: "Token",
  idPrefix: "tok",
  summary:
    "A bearer token for a program. It may do what both its own grants and the rights of its maker allow.",
  order: 90,
  scopedBy: "project",
  ownedNames: true,
  quota: 200,
  fields: Type.Object(
    {
      project: Type.Optional(Type.String({ minLength: 1, description: "The project that it belongs to" })),
      description: Type.Optional(Type.String({ maxLength: 500, description: "Free-text description" })),
      expiresAt: nullable(Type.String({ format: "date-time" }), {
        description: "When it expires, in RFC 3339; null or left out: never",
      }),
      roleBindings: RoleBindings,
      limits: Type.Optional(
        Type.Object(Limits.properties, { ...closedLimits, description: "Limits of this token" }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    owner: Owner,
    maker: nullable(Type.String(), {
      description: "The token that made it, with which it ends; null if a user made it",
    }),
    prefix: Type.String({ description: "The first characters of the bearer" }),
    lastUsedAt: nullable(Type.String(), { description: "The time of its last use, to the minute" }),
    status: oneOf(["active", "expired"], { description: "expired: the server no longer accepts it" }),
  }),
  volatile: ["lastUsedAt", "status"],
  immutable: ["project", "description", "expiresAt", "roleBindings", "limits"],
  references: (token) =>
    token.project === undefined
      ? []
      : [{ path: "/project", kind: "project", name: token.project, onDelete: "restrict" }],
  columns: [
    { header: "NAME", path: "name" },
    { header: "PROJECT", path: "project", rank: 60 },
    { header: "PREFIX", path: "prefix", rank: 70 },
    { header: "CREATED", path: "createdAt", format: "age", rank: 50 },
    { header: "LAST-USED", path: "lastUsedAt", format: "age" },
    { header: "EXPIRES", path: "expiresAt", format: "age" },
    { header: "STATUS", path: "status" },
    { header: "OWNER", path: "owner", wide: true },
    { header: "MAKER", path: "maker", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    project: { field: "project", alias: "p" },
    bind: { field: "roleBindings", parse: "grant", value: "role:…,resource:…[,name:…]" },
    ttl: { field: "expiresAt", alias: "expires-at", parse: "ttl", value: "30d|never|RFC3339" },
    limit: limitFlag,
  },
  example: { name: "laptop", roleBindings: [{ role: "run", resource: "llms" }] },
});
