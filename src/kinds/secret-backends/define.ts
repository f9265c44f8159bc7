import type { TObject, TSchema } from "@sinclair/typebox";
import type { Fault } from "../../errors.ts";
import type { Flag } from "../define.ts";

/** The config of a secret backend. */
export type BackendConfig = Readonly<Record<string, unknown>>;

/** One value in a secret, and the place in a resource that names it. */
export interface CredentialRef {
  /** JSON pointer, in the config for `BackendLogin` and in the resource for everyone else: `/auth/tokenSecretRef`. */
  path: string;
  /** The secret. */
  name: string;
  /** The key in it. */
  key: string;
}

/** A login that a backend needs before it can be read. */
export interface BackendLogin {
  /** Returns the value that the config logs in with; undefined where it names none. */
  credentialOf(config: BackendConfig): CredentialRef | undefined;
  /** Returns the parts of a complete config that decide where the credential is sent (T12). */
  destinationOf(config: BackendConfig): unknown;
  /** True if the login uses an identity of the server's own host, such as a pod's service account, and no secret. */
  isAmbient(config: BackendConfig): boolean;
  /** True if the backend can give out a new credential in the place of the present one. */
  canRotate(config: BackendConfig): boolean;
}

/** A set-up by an admin token: `mcpctl create secretbackend --wizard`. */
export interface BackendSetUp {
  /** Help text of `--wizard`. */
  summary: string;
  /** The field of the config that the set-up fills in; nobody may give it. */
  fills: string;
  /** Returns the value of that field, once the new credential is in a secret. */
  loginWith(ref: { name: string; key: string }): unknown;
  /** One line that says what was made, from the names that the driver's set-up returned. */
  describe(made: Readonly<Record<string, string>>): string;
}

/** A type of secret backend: everything about it that is data. Its driver is in `src/backends/<name>/`. */
export interface BackendType {
  /** The word in a manifest: `type: sealed`. */
  name: string;
  /** The name in messages. */
  display: string;
  /** Says where the values are, for `explain` and the API description. */
  summary: string;
  /** The fields of its config. Additional properties must be off. */
  config: TObject;
  /** Completes a config that fits the schema, and finds the faults that the schema cannot express. */
  complete?(config: BackendConfig): { config: Record<string, unknown>; faults: Fault[] };
  /** Flags of `mcpctl create secretbackend` by name. `field` is a path in the config. */
  flags?: Readonly<Record<string, Flag>>;
  /** A valid manifest for `explain`, without kind and type. */
  example?: { name: string; config: BackendConfig };
  /** Examples for `mcpctl create --help`: a command line and its explanation. */
  commands?: readonly (readonly [string, string])[];
  /** Texts that `describe` shows in the place of fields of the config. Credentials are masked already. */
  describe?(config: BackendConfig): Readonly<Record<string, string | undefined>>;
  /** True if its values lie in the database, sealed with the server's master key. */
  usesMasterKey?: true;
  /** Absent where values can be read without a login. Only such a backend may hold the credential of another. */
  login?: BackendLogin;
  setUp?: BackendSetUp;
}

/** A type of secret backend that an admin token can set up. */
export type TypeWithSetUp = BackendType & Required<Pick<BackendType, "setUp">>;

/** Declares a type of secret backend. Its name is kept as a literal, so that a missing driver is a compile error. */
export function defineBackendType<const Type extends BackendType>(type: Type): Type {
  return type;
}

/** Returns a copy of an object in which the fields that are missing have the defaults of a schema. */
export function withDefaults(schema: TObject, given: object): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...given };
  for (const [field, inner] of Object.entries<TSchema>(schema.properties))
    if (filled[field] === undefined && inner["default"] !== undefined) filled[field] = inner["default"];
  return filled;
}
