import { Type } from "@sinclair/typebox";
import { defineKind, oneOf } from "./define.ts";
import { RoleBindings } from "./grants.ts";

export const rbac = defineKind({
  kind: "rbac",
  plural: "rbac",
  short: ["rbac-binding", "rbac-definition"],
  display: "RBAC",
  idPrefix: "rbc",
  summary: "Roles on resources that users, groups and tokens have.",
  order: 80,
  fields: Type.Object(
    {
      subjects: Type.Array(
        Type.Object(
          {
            kind: oneOf(["User", "Group", "Token"], { description: "The kind of the subject" }),
            name: Type.String({ minLength: 1, description: "Its name" }),
          },
          { additionalProperties: false },
        ),
        { default: [], maxItems: 1000, description: "The users, groups and tokens that get the roles" },
      ),
      roleBindings: RoleBindings,
    },
    { additionalProperties: false },
  ),
  references: (binding) =>
    binding.subjects.map((subject, i) => ({
      path: `/subjects/${i}`,
      kind: subject.kind.toLowerCase(),
      name: subject.name,
      onDelete: "clear",
    })),
  columns: [
    { header: "NAME", path: "name" },
    { header: "SUBJECTS", path: "subjects", each: "{kind}:{name}" },
    { header: "ROLES", path: "roleBindings", each: "{role}:{resource}{action}:{name}" },
    { header: "ID", path: "id" },
  ],
  flags: {
    subject: { field: "subjects", parse: "subject", value: "KIND:NAME" },
    "role-binding": {
      field: "roleBindings",
      // A token has the same flag by that name.
      alias: ["roleBindings", "role-bindings", "bind"],
      parse: "grant",
      value: "role:…,resource:…[,name:…]",
    },
  },
  example: {
    name: "friends-run-claude",
    subjects: [{ kind: "Group", name: "friends" }],
    roleBindings: [
      { role: "view", resource: "llms" },
      { role: "run", resource: "llms", name: "claude" },
    ],
  },
});
