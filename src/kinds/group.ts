import { Type } from "@sinclair/typebox";
import { defineKind } from "./define.ts";
import { closedLimits, Limits, limitFlag } from "./limits.ts";

export const group = defineKind({
  kind: "group",
  plural: "groups",
  display: "Group",
  idPrefix: "grp",
  summary: "A list of users that role bindings and limits can name.",
  order: 60,
  fields: Type.Object(
    {
      members: Type.Array(Type.String({ minLength: 1 }), {
        default: [],
        uniqueItems: true,
        maxItems: 10_000,
        description: "Names of users",
      }),
      limits: Type.Optional(
        Type.Object(Limits.properties, {
          ...closedLimits,
          description: "Limits of the members, all together",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  references: (group) =>
    group.members.map((name, i) => ({ path: `/members/${i}`, kind: "user", name, onDelete: "clear" })),
  columns: [
    { header: "NAME", path: "name" },
    { header: "MEMBERS", path: "members" },
    { header: "ID", path: "id" },
  ],
  flags: { member: { field: "members", value: "USER", names: "user" }, limit: limitFlag },
  example: { name: "friends", members: ["alice"] },
});
