import { Type } from "@sinclair/typebox";
import { defineKind, oneOf } from "./define.ts";

export const project = defineKind({
  kind: "project",
  plural: "projects",
  short: ["proj"],
  display: "Project",
  idPrefix: "prj",
  summary: "A piece of work: its prompt, the llm it prefers and the servers it uses.",
  order: 70,
  fields: Type.Object(
    {
      description: Type.String({ default: "", maxLength: 2000, description: "For people" }),
      prompt: Type.String({ default: "", maxLength: 100_000, description: "What its assistants are told" }),
      llmProvider: Type.Optional(
        Type.String({
          maxLength: 100,
          description: "An llm's name, or none to disable; may name one that is not there",
        }),
      ),
      llmModel: Type.Optional(Type.String({ maxLength: 200, description: "Instead of the llm's own model" })),
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
      description: "What the server makes of llmProvider",
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
