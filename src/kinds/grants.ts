import { type Static, Type } from "@sinclair/typebox";
import { oneOf } from "./define.ts";
import { actions } from "./operations.ts";

export const roles = ["view", "create", "delete", "edit", "run", "expose"] as const;
export type Role = (typeof roles)[number];

/** The resources that a grant can name: all kinds, kinds of later versions, and audit and metrics. */
export const grantable = [
  "servers",
  "instances",
  "authorizations",
  "secrets",
  "secretbackends",
  "llms",
  "agents",
  "templates",
  "projects",
  "users",
  "groups",
  "rbac",
  "prompts",
  "promptrequests",
  "proxymodels",
  "tokens",
  "grants",
  "audit",
  "metrics",
] as const;

/** A role on a kind or on one row of a kind, or the right to run one operation. */
export const RoleBinding = Type.Union([
  Type.Object(
    {
      role: oneOf(roles, { description: "The role" }),
      resource: Type.String({ minLength: 1, description: "A kind, or * for all" }),
      name: Type.Optional(
        Type.String({
          minLength: 1,
          description: "The name of one row of that kind; all rows when left out",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    { role: Type.Literal("run"), action: oneOf(actions, { description: "The operation" }) },
    { additionalProperties: false },
  ),
]);
export type RoleBinding = Static<typeof RoleBinding>;

export const RoleBindings = Type.Array(RoleBinding, {
  default: [],
  maxItems: 1000,
  description: "Rights: a role on a kind or on one object of it, or run on an operation",
});

/** A grant as text: `view:llms:claude`, `run:migrate-secrets`. */
export function grantText(grant: RoleBinding): string {
  if ("action" in grant) return `run:${grant.action}`;
  return grant.name === undefined
    ? `${grant.role}:${grant.resource}`
    : `${grant.role}:${grant.resource}:${grant.name}`;
}
