import { Type } from "@sinclair/typebox";
import { defineKind, nullable, Owner, oneOf } from "./define.ts";

/** The most characters of a prompt's own content. */
export const maxPromptContent = 100_000;

const linkPattern = "^[a-z0-9][a-z0-9-]{0,99}/[a-z0-9][a-z0-9-]{0,99}:[^\\s\\u0000-\\u001f\\u007f-\\u009f]+$";

export const prompt = defineKind({
  kind: "prompt",
  plural: "prompts",
  display: "Prompt",
  idPrefix: "pmt",
  summary: "A text that the models of a project, or a persona, should know.",
  order: 76,
  scopedBy: "project",
  orScopedBy: "agent",
  fields: Type.Object(
    {
      project: Type.Optional(
        Type.String({ minLength: 1, description: "The project whose MCP clients get it" }),
      ),
      agent: Type.Optional(
        Type.String({
          minLength: 1,
          description: "The persona that gets it, behind its system prompt, instead of a project",
        }),
      ),
      content: Type.String({ default: "", maxLength: maxPromptContent, description: "The text" }),
      description: Type.String({
        default: "",
        maxLength: 500,
        description: "One line that tells when it is of use; its words count when prompts are chosen",
      }),
      priority: Type.Integer({
        minimum: 1,
        maximum: 10,
        default: 5,
        description: "How much it weighs when prompts are chosen; 10: it is always given",
      }),
      link: Type.Optional(
        Type.String({
          pattern: linkPattern,
          maxLength: 2000,
          "x-message": "must be PROJECT/SERVER:URI, such as website/files:file:///srv/style.md",
          description:
            "A resource of an MCP server whose text comes behind the content: PROJECT/SERVER:URI; it is read with the right of the reader",
        }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    summary: nullable(Type.String(), { description: "What it says, in a sentence or two" }),
    chapters: Type.Array(Type.String(), { description: "The titles of its chapters" }),
    status: oneOf(["ready", "unread", "unreadable", "missing", "forbidden"], {
      description:
        "The state of the link: unread: not read yet; unreadable: the last read failed; missing: you see no such " +
        "server or resource there; forbidden: you may not run that project",
    }),
    owner: Owner,
  }),
  volatile: ["summary", "chapters", "status"],
  immutable: ["project", "agent"],
  references: ({ project, agent }) => [
    ...(project === undefined
      ? []
      : [{ path: "/project", kind: "project", name: project, onDelete: "restrict" } as const]),
    ...(agent === undefined
      ? []
      : [{ path: "/agent", kind: "agent", name: agent, onDelete: "restrict" } as const]),
  ],
  columns: [
    { header: "NAME", path: "name" },
    { header: "PROJECT", path: "project" },
    { header: "AGENT", path: "agent" },
    { header: "PRIORITY", path: "priority", rank: 50 },
    { header: "LINK", path: "link", rank: 60 },
    { header: "STATUS", path: "status" },
    { header: "DESCRIPTION", path: "description" },
    { header: "AGE", path: "createdAt", format: "age" },
    { header: "SUMMARY", path: "summary", wide: true },
    { header: "OWNER", path: "owner", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    content: { field: "content" },
    "content-file": {
      field: "content",
      parse: "file",
      description: "A file with the text; - reads standard input",
    },
    agent: { field: "agent", value: "PERSONA" },
    link: { field: "link", value: "PROJECT/SERVER:URI" },
  },
  example: {
    name: "style",
    project: "website",
    description: "How code of the shop is written",
    content: "Components are functions. Colours come from theme.css, never from a component.",
    priority: 7,
  },
});
