import { Type } from "@sinclair/typebox";
import { defineKind, nullable, oneOf } from "./define.ts";
import { credentialOf } from "./secret-backends/config.ts";
import { configFields, configFlags } from "./secret-backends/config-flags.ts";
import type { BackendType } from "./secret-backends/define.ts";
import { backendTypes } from "./secret-backends/index.ts";

const types: readonly BackendType[] = backendTypes;
/** The type that has most to show. */
const [exampleType, example] = types.flatMap(({ name, example }) =>
  example ? [[name, example] as const] : [],
)[0]!;

export const secretBackend = defineKind({
  kind: "secretbackend",
  plural: "secretbackends",
  short: ["sb"],
  display: "SecretBackend",
  idPrefix: "sbe",
  summary: "A place where the values of secrets are kept.",
  order: 10,
  fields: Type.Object(
    {
      type: oneOf(
        types.map(({ name }) => name),
        { description: types.map(({ name, summary }) => `${name}: ${summary}`).join("; ") },
      ),
      isDefault: Type.Boolean({ default: false, description: "Where secrets go that name no backend" }),
      config: Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description: `Depends on the type. ${configFields()}`,
      }),
      description: Type.String({ default: "", maxLength: 500, description: "For people" }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    secretCount: Type.Integer({ description: "How many secrets it holds" }),
    health: nullable(
      Type.Object(
        {
          status: oneOf(["healthy", "stale", "warning", "error"], {
            description: "stale: its token should have been rotated; warning: it works, but not for long",
          }),
          reason: nullable(Type.String(), { description: "Why, when it is not healthy" }),
          checkedAt: Type.String({ description: "When it was last asked" }),
        },
        { additionalProperties: false },
      ),
      { description: "As this server last found it; null before it was asked" },
    ),
    rotation: nullable(
      Type.Object(
        {
          rotatedAt: nullable(Type.String(), { description: "When its token was last replaced" }),
          failedAt: nullable(Type.String(), { description: "When that was last tried and failed" }),
          reason: nullable(Type.String(), { description: "Why it failed" }),
        },
        { additionalProperties: false },
      ),
      { description: "What became of replacing its token; null where that was never tried" },
    ),
  }),
  immutable: ["type"],
  moving: ["secretCount", "health"],
  references(fields) {
    const credential = credentialOf(fields);
    return credential
      ? [{ path: credential.path, kind: "secret", name: credential.name, onDelete: "restrict" }]
      : [];
  },
  columns: [
    { header: "NAME", path: "name" },
    { header: "TYPE", path: "type" },
    { header: "DEFAULT", path: "isDefault" },
    { header: "SECRETS", path: "secretCount" },
    { header: "ID", path: "id" },
    { header: "HEALTH", path: "health.status", wide: true },
    { header: "URL", path: "config.url", wide: true },
  ],
  flags: configFlags({
    default: { field: "isDefault", description: "Make it the one that new secrets go to" },
    config: { field: "config", parse: "pairs", value: "k=v", description: "Any other field of the config" },
  }),
  example: { name: example.name, type: exampleType, config: example.config },
});
