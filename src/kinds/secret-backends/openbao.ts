import { type Static, type TObject, Type } from "@sinclair/typebox";
import type { Fault } from "../../errors.ts";
import { SecretKeyRef } from "../define.ts";
import { validate } from "../validate.ts";
import { type BackendConfig, type CredentialRef, defineBackendType, withDefaults } from "./define.ts";

/** Pattern of path segments that no server folds, decodes or redirects: the server gets exactly this path. */
const segments =
  "^[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?(?:/[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?)*$";
const segmentsRule =
  "must be words of letters, digits, _, - and . with / between them, and no word may begin or end with a dot";
const Path = (options: Record<string, unknown>) =>
  Type.String({ pattern: segments, "x-message": segmentsRule, maxLength: 200, ...options });

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
    mount: Type.Optional(Path({ default: "approle", description: "The mount of the auth method" })),
  },
  closed,
);

const KubernetesAuth = Type.Object(
  {
    method: Type.Literal("kubernetes"),
    role: Type.String({ minLength: 1, maxLength: 200, description: "The role to log in as" }),
    mount: Type.Optional(Path({ default: "kubernetes", description: "The mount of the auth method" })),
  },
  closed,
);

const auths: Readonly<Record<string, TObject>> = {
  token: TokenAuth,
  approle: AppRoleAuth,
  kubernetes: KubernetesAuth,
};

/** The login of the server to OpenBao. */
export type OpenBaoAuth =
  | Static<typeof TokenAuth>
  | Static<typeof AppRoleAuth>
  | Static<typeof KubernetesAuth>;

export const OpenBaoConfig = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 2000,
      description: "Address of the server: https://bao.example.org:8200",
    }),
    mount: Path({ default: "secret", description: "The mount of the KV version 2 engine" }),
    pathPrefix: Path({ default: "mcpctl", description: "The folder in the engine that only mcpctl uses" }),
    namespace: Type.Optional(Path({ description: "The namespace of the mount and the auth method" })),
    caCert: Type.Optional(
      Type.String({
        pattern: "^\\s*-----BEGIN CERTIFICATE-----",
        "x-message": "must be a certificate in PEM",
        maxLength: 100_000,
        description: "The CA that signed its certificate, in PEM, if the system does not know that CA",
      }),
    ),
    allowInsecure: Type.Optional(
      Type.Boolean({ description: "Send the token over plain http to another machine" }),
    ),
    auth: Type.Optional(
      Type.Unknown({ description: "The login: method token, approle or kubernetes, with its fields" }),
    ),
  },
  closed,
);

/** A complete config. Without `auth` the backend cannot be used. */
export type OpenBaoConfig = Omit<Static<typeof OpenBaoConfig>, "auth"> & { auth?: OpenBaoAuth };

export const openbao = defineBackendType({
  name: "openbao",
  display: "OpenBao",
  summary: "in OpenBao or Vault",
  config: OpenBaoConfig,
  complete(config) {
    const { auth } = config;
    if (auth === undefined) return { config: { ...config }, faults: [] };
    const completed = completeAuth(auth);
    return { config: { ...config, auth: completed.auth }, faults: completed.faults };
  },
  flags: {
    url: { field: "url", description: "the address of the server, such as https://bao.example.org:8200" },
    mount: { field: "mount", description: 'the mount of the KV version 2 engine (default "secret")' },
    "path-prefix": { field: "pathPrefix", description: 'the folder in the engine (default "mcpctl")' },
    namespace: { field: "namespace", description: "the namespace" },
    "ca-cert": {
      field: "caCert",
      parse: "file",
      value: "FILE",
      description: "the CA that signed its certificate, in PEM",
    },
    "token-secret": {
      field: "auth.tokenSecretRef",
      parse: "ref",
      value: "SECRET/KEY",
      description: "the secret and key that hold its token",
    },
  },
  example: {
    name: "bao",
    config: { url: "https://127.0.0.1:8200", auth: { method: "kubernetes", role: "mcpctl" } },
  },
  commands: [
    [
      "mcpctl create secretbackend bao --type openbao --url https://bao:8200 --wizard",
      "Set up OpenBao with an admin token that is asked for and not kept",
    ],
    [
      "mcpctl create secretbackend bao --type openbao --url https://bao:8200 --config auth.method=approle --config auth.roleId=ID --config auth.secretIdRef.name=SECRET --config auth.secretIdRef.key=KEY",
      "Use an OpenBao that is set up already, with an AppRole login",
    ],
  ],
  describe: ({ caCert, auth }) => ({ caCert: certificateText(caCert), auth: authText(auth) }),
  login: {
    credentialOf,
    // Another path, namespace or mount can be another customer of the same host.
    destinationOf({ url, namespace, caCert, allowInsecure = false, auth }) {
      const { mount } = (auth ?? {}) as { mount?: unknown };
      return [new URL(url as string).href, namespace, caCert, allowInsecure, mount];
    },
    isAmbient: ({ auth }) => (auth as OpenBaoAuth | undefined)?.method === "kubernetes",
    canRotate: ({ auth }) => (auth as OpenBaoAuth | undefined)?.method === "token",
  },
  setUp: {
    summary: "make policy, role and token with an admin token, which is not kept",
    fills: "auth",
    loginWith: (tokenSecretRef) => ({ method: "token", tokenSecretRef }),
    describe: ({ policy, role }) =>
      `In OpenBao there are now the policy '${policy}' and the token role '${role}', for this backend alone.`,
  },
});

/** Completes the login. A reference to a token or secret id alone says which method is meant. */
function completeAuth(given: unknown): { auth: unknown; faults: Fault[] } {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    return { auth: given, faults: [{ path: "/auth", message: "must be an object" }] };
  const auth: Record<string, unknown> = { ...given };
  if ("tokenSecretRef" in auth) auth["method"] ??= "token";
  if ("secretIdRef" in auth) auth["method"] ??= "approle";
  const schema = auths[String(auth["method"])];
  if (!schema) {
    const words = Object.keys(auths).map((word) => JSON.stringify(word));
    return { auth, faults: [{ path: "/auth/method", message: `must be ${words.join(" or ")}` }] };
  }
  const filled = withDefaults(schema, auth);
  const faults = validate(schema, filled).map((fault) => ({ ...fault, path: `/auth${fault.path}` }));
  return { auth: filled, faults };
}

/** Returns the secret and key that hold the token or the secret id. */
function credentialOf(config: BackendConfig): CredentialRef | undefined {
  const auth = config["auth"] as Partial<Record<string, { name: string; key: string }>> | undefined;
  for (const field of ["tokenSecretRef", "secretIdRef"]) {
    const ref = auth?.[field];
    if (typeof ref?.name === "string") return { path: `/auth/${field}`, name: ref.name, key: ref.key };
  }
  return undefined;
}

/** Returns the size of a certificate; undefined for any other text. */
function certificateText(value: unknown): string | undefined {
  if (typeof value !== "string" || !value.trimStart().startsWith("-----BEGIN CERTIFICATE-----"))
    return undefined;
  return `(PEM, ${Buffer.byteLength(value)} bytes)`;
}

/** Returns a login as text: `token from secret://bao-token/token`. Undefined for a method of a newer version. */
function authText(auth: unknown): string | undefined {
  if (auth === undefined) return "not set, so it cannot be used";
  const { method, mount, roleId, role, tokenSecretRef, secretIdRef } = (auth ?? {}) as Record<
    string,
    unknown
  >;
  const at = mount === undefined || mount === method ? "" : ` at ${mount}`;
  if (method === "token") return `token from ${refText(tokenSecretRef)}`;
  if (method === "approle") return `approle${at}, role id ${roleId}, secret id from ${refText(secretIdRef)}`;
  if (method === "kubernetes") return `kubernetes${at}, as role ${role}`;
  return undefined;
}

function refText(ref: unknown): string {
  const { name, key } = (ref ?? {}) as { name?: unknown; key?: unknown };
  return `secret://${name}/${key}`;
}
