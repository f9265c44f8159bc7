import { type Static, type TObject, type TSchema, Type } from "@sinclair/typebox";
import type { Fault } from "../errors.ts";
import { SecretKeyRef } from "./define.ts";
import { validate } from "./validate.ts";

/** Segments that no server folds, decodes or redirects: what a path is built from is exactly what is asked for. */
const segments =
  "^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?(?:/[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?)*$";
const Path = (options: Record<string, unknown>) =>
  Type.String({ pattern: segments, maxLength: 200, ...options });

const closed = { additionalProperties: false };

const TokenAuth = Type.Object(
  {
    method: Type.Literal("token"),
    tokenSecretRef: Type.Object(SecretKeyRef.properties, {
      ...closed,
      description: "The secret and key that hold the token",
    }),
  },
  closed,
);

const AppRoleAuth = Type.Object(
  {
    method: Type.Literal("approle"),
    roleId: Type.String({ minLength: 1, maxLength: 200, description: "The role's id" }),
    secretIdRef: Type.Object(SecretKeyRef.properties, {
      ...closed,
      description: "The secret and key that hold the secret id",
    }),
    mount: Type.Optional(Path({ default: "approle", description: "Where the auth method is mounted" })),
  },
  closed,
);

const KubernetesAuth = Type.Object(
  {
    method: Type.Literal("kubernetes"),
    role: Type.String({ minLength: 1, maxLength: 200, description: "The role to log in as" }),
    mount: Type.Optional(Path({ default: "kubernetes", description: "Where the auth method is mounted" })),
  },
  closed,
);

const auths: Readonly<Record<string, TObject>> = {
  token: TokenAuth,
  approle: AppRoleAuth,
  kubernetes: KubernetesAuth,
};

/** How the server logs in to OpenBao. */
export type OpenBaoAuth =
  | Static<typeof TokenAuth>
  | Static<typeof AppRoleAuth>
  | Static<typeof KubernetesAuth>;

export const OpenBaoConfig = Type.Object(
  {
    url: Type.String({ minLength: 1, maxLength: 2000, description: "https://bao.example.org:8200" }),
    mount: Path({ default: "secret", description: "Where the KV version 2 engine is mounted" }),
    pathPrefix: Path({ default: "mcpctl", description: "The folder in it that is mcpctl's own" }),
    namespace: Type.Optional(Path({ description: "The namespace that mount and auth method are in" })),
    caCert: Type.Optional(
      Type.String({
        pattern: "^\\s*-----BEGIN CERTIFICATE-----",
        maxLength: 100_000,
        description: "The CA that signed its certificate, in PEM, where that is not one the system knows",
      }),
    ),
    allowInsecure: Type.Optional(
      Type.Boolean({ description: "Send the token over plain http, also off this machine" }),
    ),
    auth: Type.Optional(
      Type.Unknown({ description: "method: token, approle or kubernetes, and what it needs" }),
    ),
  },
  closed,
);

/** The config of an openbao backend, complete. Without `auth` it cannot be used until one is set. */
export type OpenBaoConfig = Omit<Static<typeof OpenBaoConfig>, "auth"> & { auth?: OpenBaoAuth };

const configs: Readonly<Record<string, TObject>> = {
  plaintext: Type.Object({}, closed),
  sealed: Type.Object({}, closed),
  openbao: OpenBaoConfig,
};

/** The config of a backend of some type with defaults filled in, and every fault in it. */
export function completeConfig(
  type: string,
  given: Readonly<Record<string, unknown>>,
): { config: Record<string, unknown>; faults: Fault[] } {
  const schema = configs[type]!;
  const config = withDefaults(schema, given);
  const faults = validate(schema, config).map((fault) => ({ ...fault, path: `/config${fault.path}` }));
  const { auth } = config;
  if (faults.length > 0 || auth === undefined) return { config, faults };
  const completed = completeAuth(auth);
  return { config: { ...config, auth: completed.auth }, faults: completed.faults };
}

/** A token's reference alone says which method is meant. */
function completeAuth(given: unknown): { auth: unknown; faults: Fault[] } {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return { auth: given, faults: [{ path: "/config/auth", message: "must be an object" }] };
  const auth: Record<string, unknown> = { ...given };
  if ("tokenSecretRef" in auth) auth["method"] ??= "token";
  if ("secretIdRef" in auth) auth["method"] ??= "approle";
  const schema = auths[String(auth["method"])];
  if (!schema) {
    const words = Object.keys(auths).map((word) => JSON.stringify(word));
    return { auth, faults: [{ path: "/config/auth/method", message: `must be ${words.join(" or ")}` }] };
  }
  const filled = withDefaults(schema, auth);
  const faults = validate(schema, filled).map((fault) => ({ ...fault, path: `/config/auth${fault.path}` }));
  return { auth: filled, faults };
}

function withDefaults(schema: TObject, given: object): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...given };
  for (const [field, inner] of Object.entries<TSchema>(schema.properties))
    if (filled[field] === undefined && inner["default"] !== undefined) filled[field] = inner["default"];
  return filled;
}

/** The secret and key that a backend logs in with, and where its config says so; undefined when it needs none. */
export function credentialOf(
  config: Readonly<Record<string, unknown>>,
): { path: string; name: string; key: string } | undefined {
  const auth = config["auth"] as Partial<Record<string, { name: string; key: string }>> | undefined;
  for (const field of ["tokenSecretRef", "secretIdRef"]) {
    const ref = auth?.[field];
    if (typeof ref?.name === "string") return { path: `/config/auth/${field}`, name: ref.name, key: ref.key };
  }
  return undefined;
}
