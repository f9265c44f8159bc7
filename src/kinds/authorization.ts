import { Type } from "@sinclair/typebox";
import { defineKind, nullable, oneOf } from "./define.ts";

/** The states of an authorization. */
const authorizationStates = ["needed", "authorized", "expired"] as const;

export const authorization = defineKind({
  kind: "authorization",
  plural: "authorizations",
  short: ["authz"],
  display: "Authorization",
  idPrefix: "aut",
  summary: "The access that somebody gave mcpctl at the authorization server of an MCP server elsewhere.",
  order: 47,
  writes: ["delete"],
  fields: Type.Object({}, { additionalProperties: false }),
  readOnly: Type.Object({
    server: Type.String({ description: "The MCP server that it is for" }),
    user: nullable(Type.String(), {
      description: "The user whose calls it is for; null if it is for those of everybody",
    }),
    status: oneOf(authorizationStates, {
      description:
        "needed: mcpctl authorize server NAME makes it; expired: it was given, and has to be given again",
    }),
    authorizedBy: nullable(Type.String(), { description: "The user who gave it" }),
    authorizedAt: nullable(Type.String(), { description: "The time when it was given" }),
    issuer: nullable(Type.String(), { description: "The authorization server that its tokens come from" }),
    scopes: Type.Array(Type.String(), { description: "What it permits, in the words of that server" }),
    missingScopes: Type.Array(Type.String(), {
      description: "What calls have needed besides; mcpctl authorize server NAME asks for it",
    }),
    expiresAt: nullable(Type.String(), { description: "The end of the present access token" }),
    renews: Type.Boolean({ description: "True if mcpctl gets the next access token by itself" }),
    problem: nullable(Type.String(), { description: "The reason why the last attempt failed" }),
  }),
  volatile: ["status", "expiresAt", "problem"],
  columns: [
    { header: "NAME", path: "name" },
    { header: "SERVER", path: "server" },
    { header: "USER", path: "user" },
    { header: "STATUS", path: "status" },
    { header: "AUTHORIZED-BY", path: "authorizedBy", rank: 50 },
    { header: "SCOPES", path: "scopes" },
    { header: "EXPIRES", path: "expiresAt", rank: 60 },
    { header: "ISSUER", path: "issuer", wide: true },
    { header: "PROBLEM", path: "problem", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  example: { name: "notion" },
});
