import { Type } from "@sinclair/typebox";
import { defineKind, nullable, Owner, oneOf } from "./define.ts";
import { maxPromptContent } from "./prompt.ts";

export const promptRequest = defineKind({
  kind: "promptrequest",
  plural: "promptrequests",
  short: ["pr"],
  display: "PromptRequest",
  idPrefix: "pmr",
  summary: "A prompt that a model or user proposes for a project, until somebody approves or rejects it.",
  order: 77,
  scopedBy: "project",
  proposes: "prompt",
  quota: 50,
  fields: Type.Object(
    {
      project: Type.String({ minLength: 1, description: "The project" }),
      content: Type.String({
        minLength: 1,
        maxLength: maxPromptContent,
        description: "The text of the prompt",
      }),
      description: Type.String({
        default: "",
        maxLength: 500,
        description: "One line that tells when the prompt is of use",
      }),
      reason: Type.String({ default: "", maxLength: 2000, description: "Why the project should have it" }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    proposedBy: Owner,
    status: oneOf(["pending", "approved", "rejected"], {
      description: "approved: there is a prompt of its name with its text since",
    }),
    decidedBy: nullable(Type.String(), { description: "The user who approved or rejected it" }),
  }),
  immutable: ["project", "content", "description", "reason"],
  references: ({ project }) => [{ path: "/project", kind: "project", name: project, onDelete: "restrict" }],
  columns: [
    { header: "NAME", path: "name" },
    { header: "PROJECT", path: "project" },
    { header: "STATUS", path: "status" },
    { header: "PROPOSED-BY", path: "proposedBy" },
    { header: "REASON", path: "reason" },
    { header: "AGE", path: "createdAt", format: "age" },
    { header: "DECIDED-BY", path: "decidedBy", wide: true },
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
  },
  example: {
    name: "test-database",
    project: "website",
    content: "Tests use the database on port 5433; the one on 5432 is the shop's.",
    reason: "I ran the tests against the wrong one",
  },
});
