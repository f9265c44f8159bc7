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
      proxyModel: Type.String({
        default: "default",
        minLength: 1,
        maxLength: 200,
        description: "The proxy model: the gate, and the stages that results go through",
      }),
      servers: Type.Array(Type.String({ minLength: 1 }), {
        default: [],
        uniqueItems: true,
        maxItems: 1000,
        description:
          "The attached MCP servers, in the order of attaching; setting it attaches those that are new and detaches the others",
      }),
      agents: Type.Array(Type.String({ minLength: 1 }), {
        default: [],
        uniqueItems: true,
        maxItems: 100,
        description: "Personas that MCP clients of the project are offered as tools",
      }),
      sampling: oneOf(["client", "llm", "deny"], {
        default: "client",
        description:
          "MCP servers that ask for a completion: client asks the MCP client for it; llm lets the project's llm answer " +
          "if the client cannot; deny refuses",
      }),
      traffic: oneOf(["off", "metadata", "full"], {
        default: "off",
        description:
          "MCP messages that are kept in memory for mcpctl console: none, their sizes, or all of them",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    llmStatus: oneOf(["registered", "disabled", "unregistered"], {
      description: "The state of llmProvider: registered if there is an llm of that name",
    }),
  }),
  references: ({ agents = [], proxyModel = "default" }) => [
    ...agents.map((name, i) => ({ path: `/agents/${i}`, kind: "agent", name, onDelete: "clear" }) as const),
    { path: "/proxyModel", kind: "proxymodel", name: proxyModel, onDelete: "restrict" },
  ],
  awaits: ({ llmProvider }) =>
    llmProvider === undefined || llmProvider === "none" ? [] : [{ kind: "llm", name: llmProvider }],
  columns: [
    { header: "NAME", path: "name" },
    { header: "LLM", path: "llmProvider" },
    { header: "LLM-STATUS", path: "llmStatus", rank: 50 },
    { header: "SERVERS", path: "servers" },
    { header: "DESCRIPTION", path: "description" },
    { header: "ID", path: "id" },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    llm: { field: "llmProvider", alias: "llm-provider", value: "NAME|none", names: "llm" },
    "llm-model": { field: "llmModel" },
    "proxy-model": { field: "proxyModel", names: "proxymodel" },
    "mcp-server": { field: "servers", alias: "server", value: "SERVER", names: "server" },
    agent: { field: "agents", value: "PERSONA", names: "agent" },
    traffic: { field: "traffic" },
  },
  example: { name: "website", description: "The shop's front page", llmProvider: "claude" },
});
