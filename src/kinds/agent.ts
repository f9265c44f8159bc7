import { Type } from "@sinclair/typebox";
import { defineKind, oneOf } from "./define.ts";

export const agent = defineKind({
  kind: "agent",
  plural: "agents",
  display: "Agent",
  idPrefix: "agt",
  summary: "A persona: an llm with what it is told first, and how it is asked when the caller does not say.",
  order: 40,
  visible: true,
  fields: Type.Object(
    {
      llm: Type.String({
        minLength: 1,
        description: "The llm that answers, called with its owner's right to it",
      }),
      systemPrompt: Type.String({
        default: "",
        maxLength: 100_000,
        description: "What it is told before anything else",
      }),
      description: Type.String({ default: "", maxLength: 500, description: "For people" }),
      defaultParams: Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description:
          "Of chat completions, where the caller does not say: temperature, top_p, max_tokens, " +
          "max_completion_tokens, stop, seed, presence_penalty, frequency_penalty, reasoning_effort, " +
          "response_format, verbosity",
      }),
      project: Type.Optional(Type.String({ minLength: 1, description: "The project it works for" })),
      extras: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), {
          description: "Kept for programs; the server does not look at it",
        }),
      ),
      visibility: oneOf(["public", "private"], {
        default: "public",
        description: "A private agent exists only for its owner, administrators and those granted it by name",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    origin: oneOf(["static", "virtual"], { description: "virtual: published by a workstation's agent" }),
    status: oneOf(["active", "inactive", "hibernating"], {
      description:
        "Whether it can be called, as its llm stands; nothing where that llm is not for you to know",
    }),
    owner: Type.String({ description: "The user who made it" }),
  }),
  volatile: ["status"],
  references: (agent) => [
    { path: "/llm", kind: "llm", name: agent.llm, onDelete: "restrict" },
    ...(agent.project === undefined
      ? []
      : [{ path: "/project", kind: "project", name: agent.project, onDelete: "clear" } as const]),
  ],
  columns: [
    { header: "NAME", path: "name" },
    { header: "LLM", path: "llm" },
    { header: "VISIBILITY", path: "visibility" },
    { header: "ORIGIN", path: "origin" },
    { header: "STATUS", path: "status" },
    { header: "DESCRIPTION", path: "description" },
    { header: "ID", path: "id" },
    { header: "PROJECT", path: "project", wide: true },
    { header: "OWNER", path: "owner", wide: true },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    "system-prompt": { field: "systemPrompt" },
    "system-prompt-file": {
      field: "systemPrompt",
      parse: "file",
      description: "A file with what it is told; - is standard input",
    },
    param: { field: "defaultParams", parse: "pairs", value: "k=v" },
    project: { field: "project", alias: "p" },
    extra: { field: "extras", parse: "pairs", value: "k=v" },
  },
  example: {
    name: "reviewer",
    llm: "claude",
    systemPrompt: "You review code. Say what is wrong and why, the worst first.",
    defaultParams: { temperature: 0.2 },
  },
});
