import { type TObject, Type } from "@sinclair/typebox";
import { httpTypes } from "../../kinds/provider-types.ts";

/** Types that a provider may have: llm types that are called over HTTP, and a vLLM that the agent runs. */
export const providerTypes: readonly string[] = [...httpTypes, "vllm-managed"];

const strict = { additionalProperties: false };
const text = Type.String({ minLength: 1, maxLength: 2000 });
/** `isName` is for `nameFaults`, whose message is clearer than that of a pattern. */
const name = Type.String({ minLength: 1, maxLength: 2000, isName: true });
const visibility = Type.Union([Type.Literal("public"), Type.Literal("private")]);

const common = {
  name,
  type: text,
  model: Type.String({ minLength: 1, maxLength: 200 }),
  tier: Type.Optional(Type.Union([Type.Literal("fast"), Type.Literal("heavy")])),
  description: Type.Optional(Type.String({ maxLength: 500 })),
  publish: Type.Optional(Type.Boolean()),
  publishName: Type.Optional(name),
  poolName: Type.Optional(name),
  visibility: Type.Optional(visibility),
  failoverFor: Type.Optional(name),
};

/** Fields of a provider that the agent does not run. */
const called = Type.Object(
  {
    ...common,
    url: Type.Optional(text),
    apiKeyFile: Type.Optional(text),
    wake: Type.Optional(Type.Unknown()),
  },
  strict,
);

/** Fields of a vLLM that the agent runs. */
const managed = Type.Object(
  {
    ...common,
    port: Type.Optional(Type.Number()),
    extraArgs: Type.Optional(Type.Array(Type.String())),
    idleTimeoutMinutes: Type.Optional(Type.Number()),
    venvPath: Type.Optional(text),
    command: Type.Optional(text),
    warmupSeconds: Type.Optional(Type.Number()),
    warmup: Type.Optional(Type.Boolean()),
  },
  strict,
);

const wakeByCall = Type.Object(
  {
    type: text,
    url: text,
    method: Type.Optional(
      Type.Union([Type.Literal("GET"), Type.Literal("POST"), Type.Literal("PUT"), Type.Literal("DELETE")]),
    ),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    body: Type.Optional(Type.String()),
    maxWaitSeconds: Type.Optional(Type.Number()),
  },
  strict,
);

const wakeByCommand = Type.Object(
  {
    type: text,
    command: text,
    args: Type.Optional(Type.Array(Type.String())),
    maxWaitSeconds: Type.Optional(Type.Number()),
  },
  strict,
);

/** Fields of an entry of `agents`. */
export const personaSchema = Type.Object(
  {
    name,
    llm: name,
    systemPrompt: Type.Optional(Type.String()),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    project: Type.Optional(name),
    defaultParams: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    visibility: Type.Optional(visibility),
    publish: Type.Optional(Type.Boolean()),
  },
  strict,
);

/** The whole file; fields of the command line are not listed. */
export const fileSchema = Type.Object({
  llm: Type.Optional(Type.Object({ providers: Type.Optional(Type.Array(Type.Unknown())) }, strict)),
  agents: Type.Optional(Type.Array(Type.Unknown())),
  mcpServers: Type.Optional(Type.Array(Type.Unknown())),
  workstation: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
});

/** Returns the fields that a provider of a type may have. */
export function providerSchema(type: unknown): TObject {
  return type === "vllm-managed" ? managed : called;
}

/** Returns the fields that a wake recipe of a type may have; undefined for an unknown type. */
export function wakeSchema(type: unknown): TObject | undefined {
  if (type === "http") return wakeByCall;
  return type === "command" ? wakeByCommand : undefined;
}

/** Returns a note on the types that have a field; undefined when all types have it, or none. */
export function meantFor(field: string): string | undefined {
  const [own, foreign] = [managed.properties, called.properties];
  if (field in own && !(field in foreign)) return "only vllm-managed has it";
  return field in foreign && !(field in own) ? "vllm-managed does not have it" : undefined;
}

/** Ranges of numbers, ends included. */
export const ranges: Readonly<Record<string, { least: number; most: number; whole: boolean }>> = {
  port: { least: 1, most: 65_535, whole: true },
  idleTimeoutMinutes: { least: 0.1, most: 100_000, whole: false },
  warmupSeconds: { least: 1, most: 86_400, whole: false },
  maxWaitSeconds: { least: 1, most: 3_600, whole: false },
};
