import { Type } from "@sinclair/typebox";
import { aliasPattern, aliasRule, maxAliasLength } from "./aliases.ts";
import { defineKind, nullable, Owner, oneOf, SecretKeyRef } from "./define.ts";
import { CallLimits, Capabilities, Price, Quirks, settingFlags, Timeouts } from "./llm-settings.ts";
import { nameText } from "./names.ts";
import { llmTypes } from "./provider-types.ts";

export const llm = defineKind({
  kind: "llm",
  plural: "llms",
  display: "LLM",
  idPrefix: "llm",
  summary: "A model that can be called, and the provider that runs it.",
  order: 30,
  visible: true,
  fields: Type.Object(
    {
      type: oneOf(llmTypes, { description: "The type of the provider's API" }),
      model: Type.String({ minLength: 1, maxLength: 200, description: "The provider's name for the model" }),
      url: Type.String({
        default: "",
        maxLength: 2000,
        description:
          "Base URL; empty for the public address of the type. Types without one, such as vllm and ollama, need it",
      }),
      tier: oneOf(["fast", "heavy"], {
        default: "fast",
        description: "A hint for people and tools that choose an llm",
      }),
      description: Type.String({ default: "", maxLength: 500, description: "Free-text description" }),
      apiKeyRef: nullable(SecretKeyRef, {
        description: "The secret and key that hold the provider's API key",
      }),
      extraConfig: Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description: "Your own settings; the server keeps them and does not read them",
      }),
      timeouts: Type.Optional(Timeouts),
      limits: Type.Optional(CallLimits),
      price: Type.Optional(Price),
      responses: Type.Optional(
        oneOf(["native", "translated", "stateful"], {
          description:
            "native: the provider has OpenAI's responses API; translated: its calls become chat completions; " +
            "stateful: native, and the provider keeps answers and conversations, each for who made it " +
            "(default native for types openai and azure until the provider refuses, else translated)",
        }),
      ),
      quirks: Type.Optional(Quirks),
      capabilities: Type.Optional(Capabilities),
      allowModelOverride: Type.Optional(
        Type.Boolean({
          description:
            "Send the model that a request to this llm names, instead of the llm's own (default false)",
        }),
      ),
      poolName: Type.Optional(
        Type.String({
          ...nameText,
          description: "The pool of the llm; each call of a pool goes to one of its members",
        }),
      ),
      aliases: Type.Optional(
        Type.Array(
          Type.String({ pattern: aliasPattern, "x-message": aliasRule, maxLength: maxAliasLength }),
          {
            maxItems: 50,
            uniqueItems: true,
            description:
              "Other names that calls may use, such as gpt-4.1, qwen3:8b or meta/llama-3; a * at the end stands for any text",
          },
        ),
      ),
      admits: Type.Optional(
        Type.Array(Type.String(nameText), {
          maxItems: 200,
          uniqueItems: true,
          description: "Names of llms of other owners that may join the pool of this one",
        }),
      ),
      visibility: oneOf(["public", "private"], {
        default: "public",
        description:
          "A private llm is visible only to its owner, to administrators and to those granted it by name",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    origin: oneOf(["static", "virtual"], { description: "virtual: a workstation agent publishes it" }),
    status: oneOf(["active", "inactive", "hibernating"], {
      description: "active: it can be called; hibernating: a call wakes it; inactive: it cannot be called",
    }),
    workstation: nullable(Type.String(), { description: "The machine that publishes it" }),
    lastSeenAt: nullable(Type.String(), { description: "The last message of its workstation agent" }),
    health: nullable(
      Type.Object(
        {
          status: oneOf(["ok", "failing"], { description: "The result of the last call or probe" }),
          since: Type.String({ description: "Time of the first such result in a row" }),
          checkedAt: Type.String({ description: "Time of the last call or probe" }),
          latencyMs: nullable(Type.Integer(), {
            description: "Time to the first token of the last call, or to its whole answer",
          }),
          lastError: nullable(
            Type.Object(
              { at: Type.String(), code: Type.String(), message: Type.String() },
              { additionalProperties: false },
            ),
            { description: "The last failure, also if it is over" },
          ),
        },
        { additionalProperties: false },
      ),
      { description: "Health as calls and probes of this server show it; null before the first" },
    ),
    learnedQuirks: Type.Record(Type.String(), Type.Unknown(), {
      description: "Quirks that refusals of the provider have taught in the last hour",
    }),
    owner: Owner,
  }),
  callerFields: [
    "type",
    "tier",
    "description",
    "poolName",
    "aliases",
    "capabilities",
    "visibility",
    "origin",
    "status",
    "health",
  ],
  immutable: ["type"],
  volatile: ["lastSeenAt", "health", "learnedQuirks"],
  references: (llm) =>
    llm.apiKeyRef
      ? [{ path: "/apiKeyRef", kind: "secret", name: llm.apiKeyRef.name, onDelete: "clear" }]
      : [],
  columns: [
    { header: "NAME", path: "name" },
    { header: "POOL", path: "poolName", rank: 50 },
    { header: "TYPE", path: "type", rank: 40 },
    { header: "MODEL", path: "model", whole: true },
    { header: "TIER", path: "tier", rank: 60 },
    { header: "VISIBILITY", path: "visibility", rank: 70 },
    { header: "ORIGIN", path: "origin", rank: 80 },
    { header: "STATUS", path: "status" },
    { header: "KEY", template: "secret://{apiKeyRef.name}/{apiKeyRef.key}", rank: 90 },
    { header: "ID", path: "id" },
    { header: "HEALTH", path: "health.status", wide: true, terminal: true, rank: 30 },
    { header: "URL", path: "url", wide: true },
    { header: "OWNER", path: "owner", wide: true },
    { header: "WORKSTATION", path: "workstation", wide: true },
  ],
  flags: {
    extra: { field: "extraConfig", parse: "pairs", value: "k=v" },
    alias: { field: "aliases", value: "NAME" },
    ...settingFlags,
  },
  example: {
    name: "claude",
    type: "anthropic",
    model: "claude-sonnet-5",
    tier: "heavy",
    apiKeyRef: { name: "anthropic", key: "api-key" },
  },
});
