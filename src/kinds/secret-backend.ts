import { Type } from "@sinclair/typebox";
import { defineKind, nullable, oneOf } from "./define.ts";
import { credentialOf } from "./secret-backend-config.ts";

export const secretBackendTypes = ["plaintext", "sealed", "openbao"] as const;

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
      type: oneOf(secretBackendTypes, {
        description:
          "plaintext: in the server's own database; sealed: there too, encrypted with the master key; openbao: in OpenBao or Vault",
      }),
      isDefault: Type.Boolean({ default: false, description: "Where secrets go that name no backend" }),
      config: Type.Record(Type.String(), Type.Unknown(), {
        default: {},
        description:
          "Only openbao has one: url, mount, pathPrefix, namespace, caCert, allowInsecure, and auth with its method",
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
  references({ config }) {
    const credential = credentialOf(config);
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
  flags: {
    default: { field: "isDefault", description: "Make it the one that new secrets go to" },
    config: { field: "config", parse: "pairs", value: "k=v", description: "Any other field of the config" },
    url: { field: "config.url", description: "openbao: where it is, such as https://bao.example.org:8200" },
    mount: { field: "config.mount", description: 'openbao: the KV version 2 mount (default "secret")' },
    "path-prefix": {
      field: "config.pathPrefix",
      description: 'openbao: the folder in it (default "mcpctl")',
    },
    namespace: { field: "config.namespace", description: "openbao: the namespace" },
    "ca-cert": {
      field: "config.caCert",
      parse: "file",
      value: "FILE",
      description: "openbao: the CA of its certificate, in PEM",
    },
    "token-secret": {
      field: "config.auth.tokenSecretRef",
      parse: "ref",
      value: "SECRET/KEY",
      description: "openbao: the secret and key that hold its token",
    },
  },
  example: {
    name: "bao",
    type: "openbao",
    config: {
      url: "https://127.0.0.1:8200",
      auth: { method: "kubernetes", role: "mcpctl" },
    },
  },
});
