import { Type } from "@sinclair/typebox";
import { defineKind, oneOf } from "./define.ts";

export const project = defineKind({
  kind: "project",
  plural: "projects",
  short: ["proj"],
  display: "Project",
  idPrefix: "prj",
  summary: "A prompt, a preferred llm and the MCP servers of one piece of work.",
  order: 70,
  fields: Type.Object(
    {
      description: Type.String({ default: "", maxLength: 2000, description: "Free-text description" }),
      prompt: Type.String({
        default: "",
        maxLength: 100_000,
        description: "The prompt for the assistants of the project",
      }),
      llmProvider: Type.Optional(
        Type.String({
          maxLength: 100,
          description: "The name of an llm, which need not exist, or none to disable",
        }),
      ),
      llmModel: Type.Optional(
        Type.String({ maxLength: 200, description: "A model to use instead of the llm's own" }),
      ),
      proxyModel: Type.Optional(Type.String({ maxLength: 200, description: "The proxy model to use" })),
      servers: Type.Array(Type.String({ minLength: 1 }), {
        default: [],
        uniqueItems: true,
        maxItems: 1000,
        description: "Names of MCP servers",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    llmStatus: oneOf(["registered", "disabled", "unregistered"], {
      description: "The state of llmProvider: registered if there is an llm of that name",
    }),
  }),
  awaits: ({ llmProvider }) =>
    llmProvider === undefined || llmProvider === "none" ? [] : [{ kind: "llm", name: llmProvider }],
  columns: [
    { header: "NAME", path: "name" },
    { header: "LLM", path: "llmProvider" },
    { header: "LLM-STATUS", path: "llmStatus" },
    { header: "SERVERS", path: "servers" },
    { header: "DESCRIPTION", path: "description" },
    { header: "ID", path: "id" },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    llm: { field: "llmProvider", value: "NAME|none" },
    "llm-model": { field: "llmModel" },
    "proxy-model": { field: "proxyModel" },
    server: { field: "servers" },
  },
  example: { name: "website", description: "The shop's front page", llmProvider: "claude" },
});
