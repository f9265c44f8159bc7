import { Type } from "@sinclair/typebox";
import { defineKind, Owner, oneOf } from "./define.ts";

export const agent = defineKind({
  kind: "agent",
  plural: "agents",
  short: ["persona", "personas"],
  display: "Agent",
  idPrefix: "agt",
  summary: "A persona: an llm with a system prompt and default parameters.",
  order: 40,
  visible: true,
  fields: Type.Object(
    {
      llm: Type.String({
        minLength: 1,
        description: "The llm that answers; calls use the right of the persona's owner to it",
      }),
      systemPrompt: Type.String({
        default: "",
        maxLength: 100_000,
        description: "The system prompt; it comes before the messages of the caller",
      }),
      description: Type.String({ default: "", maxLength: 500, description: "Free-text description" }),
      defaultParams: Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description:
          "Parameters of chat completions for calls that do not set them: temperature, top_p, max_tokens, " +
          "max_completion_tokens, stop, seed, presence_penalty, frequency_penalty, reasoning_effort, " +
          "response_format, verbosity",
      }),
      project: Type.Optional(Type.String({ minLength: 1, description: "The project that it belongs to" })),
      extras: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), {
          description: "Data of other programs; the server stores it and does not read it",
        }),
      ),
      visibility: oneOf(["public", "private"], {
        default: "public",
        description:
          "A private agent is visible only to its owner, to administrators and to those granted it by name",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    origin: oneOf(["static", "virtual"], { description: "virtual: a workstation agent publishes it" }),
    status: oneOf(["active", "inactive", "hibernating"], {
      description: "The status of its llm; null if you may not see that llm",
    }),
    owner: Owner,
  }),
  callerFields: ["description", "visibility", "origin", "status"],
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
    { header: "VISIBILITY", path: "visibility", rank: 60 },
    { header: "ORIGIN", path: "origin", rank: 70 },
    { header: "STATUS", path: "status" },
    { header: "DESCRIPTION", path: "description" },
    { header: "ID", path: "id" },
    { header: "PROJECT", path: "project", wide: true },
    { header: "OWNER", path: "owner", wide: true },
  ],
  flags: {
    llm: { field: "llm", names: "llm" },
    description: { field: "description", alias: "d" },
    "system-prompt": { field: "systemPrompt" },
    "system-prompt-file": {
      field: "systemPrompt",
      parse: "file",
      description: "A file with the system prompt; - reads standard input",
    },
    param: { field: "defaultParams", parse: "pairs", value: "k=v" },
    project: { field: "project", alias: "p", names: "project" },
    extra: { field: "extras", parse: "pairs", value: "k=v" },
  },
  example: {
    name: "reviewer",
    llm: "claude",
    systemPrompt: "You review code. Say what is wrong and why, the worst first.",
    defaultParams: { temperature: 0.2 },
  },
});
