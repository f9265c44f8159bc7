import { Type } from "@sinclair/typebox";
import { defineKind, nullable, oneOf, SecretKeyRef } from "./define.ts";
import { CallLimits, Price, settingFlags, Timeouts } from "./llm-settings.ts";

export const llmTypes = ["anthropic", "openai", "deepseek", "vllm", "ollama", "gemini-cli"] as const;

export const llm = defineKind({
  kind: "llm",
  plural: "llms",
  display: "LLM",
  idPrefix: "llm",
  summary: "A model that can be called, and the provider it is reached through.",
  order: 30,
  visible: true,
  fields: Type.Object(
    {
      type: oneOf(llmTypes, { description: "How the provider is spoken to" }),
      model: Type.String({ minLength: 1, maxLength: 200, description: "The provider's name for the model" }),
      url: Type.String({
        default: "",
        maxLength: 2000,
        description: "Base URL; empty is the provider's own. vllm and ollama need one",
      }),
      tier: oneOf(["fast", "heavy"], { default: "fast", description: "What it is good for" }),
      description: Type.String({ default: "", maxLength: 500, description: "For people" }),
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
        oneOf(["native", "translated"], {
          description:
            "native: the provider has OpenAI's responses API; translated: its calls become chat completions " +
            "(default native for type openai, else translated)",
        }),
      ),
      allowModelOverride: Type.Optional(
        Type.Boolean({
          description:
            "Send the model that a request to this llm names, instead of the llm's own (default false)",
        }),
      ),
      poolName: Type.Optional(
        Type.String({
          pattern: "^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$",
          description: "Llms of one pool name answer for each other",
        }),
      ),
      admits: Type.Optional(
        Type.Array(Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$" }), {
          maxItems: 200,
          uniqueItems: true,
          description: "Names of llms of other owners that may join the pool of this one",
        }),
      ),
      visibility: oneOf(["public", "private"], {
        default: "public",
        description: "A private llm exists only for its owner, administrators and those granted it by name",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    origin: oneOf(["static", "virtual"], { description: "virtual: published by an agent" }),
    status: oneOf(["active", "inactive", "hibernating"], { description: "Whether it can be called" }),
    lastSeenAt: nullable(Type.String(), { description: "When its agent was last heard of" }),
    capabilities: nullable(Type.Record(Type.String(), Type.Unknown()), {
      description: "What its agent says of the model",
    }),
    owner: Type.String({ description: "The user who made it" }),
  }),
  immutable: ["type"],
  volatile: ["lastSeenAt"],
  references: (llm) =>
    llm.apiKeyRef
      ? [{ path: "/apiKeyRef", kind: "secret", name: llm.apiKeyRef.name, onDelete: "clear" }]
      : [],
  columns: [
    { header: "NAME", path: "name" },
    { header: "POOL", path: "poolName" },
    { header: "TYPE", path: "type" },
    { header: "MODEL", path: "model" },
    { header: "TIER", path: "tier" },
    { header: "VISIBILITY", path: "visibility" },
    { header: "ORIGIN", path: "origin" },
    { header: "STATUS", path: "status" },
    { header: "KEY", template: "secret://{apiKeyRef.name}/{apiKeyRef.key}" },
    { header: "ID", path: "id" },
    { header: "URL", path: "url", wide: true },
    { header: "OWNER", path: "owner", wide: true },
  ],
  flags: {
    extra: { field: "extraConfig", parse: "pairs", value: "k=v" },
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
