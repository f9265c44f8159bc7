import { Type } from "@sinclair/typebox";
import { defineKind, nullable, oneOf } from "./define.ts";
import { credentialOf } from "./secret-backends/config.ts";
import { configFields, configFlags } from "./secret-backends/config-flags.ts";
import type { BackendType } from "./secret-backends/define.ts";
import { backendTypes } from "./secret-backends/index.ts";

const types: readonly BackendType[] = backendTypes;
/** The first type with an example. */
const [exampleType, example] = types.flatMap(({ name, example }) =>
  example ? [[name, example] as const] : [],
)[0]!;

export const secretBackend = defineKind({
  kind: "secretbackend",
  plural: "secretbackends",
  short: ["sb"],
  display: "SecretBackend",
  idPrefix: "sbe",
  summary: "A place that stores the values of secrets.",
  order: 10,
  fields: Type.Object(
    {
      type: oneOf(
        types.map(({ name }) => name),
        { description: types.map(({ name, summary }) => `${name}: ${summary}`).join("; ") },
      ),
      isDefault: Type.Boolean({
        default: false,
        description: "True for the backend of secrets that name none",
      }),
      config: Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description: `Depends on the type. ${configFields()}`,
      }),
      description: Type.String({ default: "", maxLength: 500, description: "Free-text description" }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    secretCount: Type.Integer({ description: "Number of secrets on it" }),
    health: nullable(
      Type.Object(
        {
          status: oneOf(["healthy", "stale", "warning", "error"], {
            description:
              "stale: the replacement of its token is overdue; warning: it works now, but will stop soon",
          }),
          reason: nullable(Type.String(), { description: "The reason, if it is not healthy" }),
          checkedAt: Type.String({ description: "Time of the last check" }),
        },
        { additionalProperties: false },
      ),
      { description: "Health at the last check by this server; null before the first" },
    ),
    rotation: nullable(
      Type.Object(
        {
          rotatedAt: nullable(Type.String(), { description: "Time of the last replacement" }),
          failedAt: nullable(Type.String(), { description: "Time of the last failed attempt" }),
          reason: nullable(Type.String(), { description: "The reason of the failure" }),
        },
        { additionalProperties: false },
      ),
      { description: "The last attempts to replace its token; null before the first" },
    ),
  }),
  immutable: ["type"],
  volatile: ["secretCount", "health"],
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
    default: { field: "isDefault", description: "Make it the backend of secrets that name none" },
    config: { field: "config", parse: "pairs", value: "k=v", description: "Any other field of the config" },
  }),
  example: { name: example.name, type: exampleType, config: example.config },
});
