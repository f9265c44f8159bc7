import { Type } from "@sinclair/typebox";
import { defineKind } from "./define.ts";
import { ToolFilter, toolFlags } from "./mcp-settings.ts";
import { nameText } from "./names.ts";

/** The longest prefix. Tools of a server have it before their names, which clients limit to 64 characters. */
const maxPrefix = 32;

export const serverAttachment = defineKind({
  kind: "serverattachment",
  plural: "serverattachments",
  short: ["sa"],
  display: "ServerAttachment",
  idPrefix: "sat",
  summary: "An MCP server that is attached to a project, so that the project offers its tools.",
  order: 75,
  scopedBy: "project",
  partOf: "project",
  quota: 1000,
  fields: Type.Object(
    {
      project: Type.String({ minLength: 1, description: "The project" }),
      server: Type.Optional(
        Type.String({
          ...nameText,
          description: "The MCP server; always the same as the name, and not needed",
        }),
      ),
      prefix: Type.Optional(
        Type.String({
          pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
          "x-message": "must have letters, digits, _, . and - only, and begin with a letter or a digit",
          maxLength: maxPrefix,
          description:
            "Goes before the name of a tool, with _, if an earlier attached server has one of the same name (default: the server)",
        }),
      ),
      tools: Type.Optional(
        Type.Object(ToolFilter.properties, {
          additionalProperties: false,
          minProperties: 1,
          description:
            "The tools that this project offers, out of those that the server offers: {allow, deny}, lists of names or patterns",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    position: Type.Integer({
      description: "The place among the servers of the project, in the order of attaching",
    }),
  }),
  immutable: ["project", "server"],
  references: ({ project, server }) => [
    { path: "/project", kind: "project", name: project, onDelete: "restrict" },
    ...(server === undefined
      ? []
      : [{ path: "/server", kind: "server", name: server, onDelete: "restrict" } as const]),
  ],
  columns: [
    { header: "NAME", path: "name" },
    { header: "PROJECT", path: "project" },
    { header: "PREFIX", path: "prefix" },
    { header: "ALLOW", path: "tools.allow" },
    { header: "DENY", path: "tools.deny" },
    { header: "POSITION", path: "position", rank: 60 },
    { header: "AGE", path: "createdAt", format: "age" },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    project: { field: "project", alias: "p" },
    "mcp-server": { field: "server", value: "SERVER" },
    ...toolFlags,
  },
  example: { name: "files", project: "website", tools: { allow: ["read_*", "list_*"] } },
});
