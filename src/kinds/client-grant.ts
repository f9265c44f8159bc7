import { Type } from "@sinclair/typebox";
import { defineKind, nullable, Owner, oneOf } from "./define.ts";

/** The access of an MCP client to one project, which a user gave it on the consent page (OAuth). */
export const clientGrant = defineKind({
  kind: "grant",
  plural: "grants",
  display: "Grant",
  idPrefix: "gra",
  summary:
    "The access to one project that a user gave an MCP client, with a login in a browser. Deleting it ends the access.",
  order: 92,
  writes: ["delete"],
  ownedNames: true,
  quota: 200,
  fields: Type.Object({}, { additionalProperties: false }),
  readOnly: Type.Object({
    owner: Owner,
    client: Type.String({ description: "The name that the client gives itself; nobody has checked it" }),
    clientId: Type.String({
      description: "The id of the client: the https URL that describes it, or a text of this server",
    }),
    project: nullable(Type.String(), { description: "The project whose MCP endpoint it opens" }),
    redirectTo: Type.String({ description: "The place that the browser was sent back to" }),
    status: oneOf(["pending", "active", "expired"], {
      description:
        "pending: the client has a minute to fetch its tokens; expired: it was not used for 30 days",
    }),
    lastUsedAt: nullable(Type.String(), { description: "The time of its last use, to the minute" }),
    expiresAt: nullable(Type.String(), {
      description: "Its end, unless the client gets its next token before: 30 days after the last one",
    }),
  }),
  volatile: ["status", "lastUsedAt", "expiresAt"],
  columns: [
    { header: "NAME", path: "name" },
    { header: "CLIENT", path: "client", rank: 70 },
    { header: "PROJECT", path: "project" },
    { header: "OWNER", path: "owner", rank: 60 },
    { header: "CREATED", path: "createdAt", format: "age", rank: 80 },
    { header: "LAST-USED", path: "lastUsedAt", format: "age", rank: 50 },
    { header: "STATUS", path: "status" },
    { header: "REDIRECT", path: "redirectTo", wide: true },
    { header: "CLIENT-ID", path: "clientId", wide: true },
    { header: "EXPIRES", path: "expiresAt", format: "age", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  example: { name: "claude-website-k3f9x2" },
});
