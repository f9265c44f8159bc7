import type { Fault } from "../errors.ts";
import type { BackendConfig, BackendType } from "../kinds/secret-backends/define.ts";
import type { backendTypes } from "../kinds/secret-backends/index.ts";
import type { ProxyRule } from "../proxies.ts";
import type { KeyRing } from "./master-keys.ts";
import type { SecretTable } from "./secret-table.ts";

/** The health of a backend. `warning`: it works now, but will stop soon. */
export interface Health {
  status: "healthy" | "warning" | "error";
  /** One sentence, if it is not healthy. */
  reason?: string;
}

/**
 * Reads and writes the values of secrets on one backend. One contract suite (`test/contract/backend.ts`) runs against
 * every driver.
 *
 * Every method but `health` throws AppError if it fails: `unavailable` (503) for a fault that may go away by itself,
 * `secret_unavailable` (500) for one that somebody has to repair. The message names the backend, never a value.
 */
export interface Driver {
  /** Time for which values may be cached, in milliseconds. Absent where nobody else writes: then there is no limit. */
  readonly keepFor?: number;
  /** Returns the values, or null if there are none. */
  read(ref: string): Promise<Record<string, string> | null>;
  /**
   * Stores values under a new ref. The caller records the ref before, and points its row at it afterwards, so that an
   * interruption at any point loses nothing and leaves nothing behind.
   *
   * @param ref `<id of the secret>/<id of this write>`: never a name
   */
  write(ref: string, data: Readonly<Record<string, string>>): Promise<void>;
  /** Deletes the values of a ref. Does nothing if there are none. */
  delete(ref: string): Promise<void>;
  /** Returns the refs of all values. */
  list(): Promise<string[]>;
  /** Checks the backend. Never throws. */
  health(): Promise<Health>;
  /** Closes connections and stops timers. */
  close?(): void;
  /** Present if the backend needs a login. */
  readonly login?: DriverLogin;
}

/** The login of a driver. Its methods throw AppError. */
export interface DriverLogin {
  /** Forgets the session: the next request logs in with the credential as it then is. */
  forget(): void;
  /** Makes a new credential like the present one. Throws AppError `not_supported` if that is not possible. */
  mint(): Promise<string>;
  /** Proves that a credential can write, read and delete. */
  prove(credential: string): Promise<void>;
  /** Makes a credential worthless. Does nothing if it already is. */
  revoke(credential: string): Promise<void>;
}

/** A driver of a backend that needs a login. */
export type LoginDriver = Driver & Required<Pick<Driver, "login">>;

/** Options of a driver. Each type of backend uses those it needs. */
export interface DriverOptions {
  /** The backend's name, for messages. */
  name: string;
  /** The complete config. */
  config: BackendConfig;
  /** The backend's part of the server's database. */
  table: SecretTable;
  /** Returns the server's master keys as they are now; undefined where it has none. */
  masterKeys(): KeyRing | undefined;
  /** Reads the value that the config logs in with, as it is now; empty where the config names none. */
  credential(): Promise<string>;
  /** Receives problems that stop nothing. */
  onWarning(text: string): void;
  /** The proxy of each URL that the driver calls. */
  proxyFor?: ProxyRule | undefined;
}

/** Facts about the server that a config is checked against. */
export interface ServerFacts {
  hasMasterKey: boolean;
  /** True if a URL leads to this server itself. */
  isSelf(url: URL): boolean;
}

export interface SetUpOptions {
  /** The backend's name. */
  name: string;
  /** The complete config, without the field that the set-up fills in. */
  config: BackendConfig;
  /** Used here and forgotten: no message contains it. */
  adminToken: string;
  /** The proxy of each URL that is called. */
  proxyFor?: ProxyRule | undefined;
}

export interface SetUpResult {
  /** The first credential, which is proved to work. */
  credential: string;
  /** Names of the things that were made in the backend. */
  made: Readonly<Record<string, string>>;
  /** Makes the credential worthless, when it is not going to be used. */
  revoke(): Promise<void>;
}

/** The code of one type of secret backend. Its data are in `src/kinds/secret-backends/<name>.ts`. */
export interface BackendModule {
  /** Makes the driver of one backend. Sends nothing. */
  make(options: DriverOptions): Driver;
  /**
   * Brings a complete config into its normal form, in place, and returns the faults that only the server can find.
   * Throws AppError `conflict` where the server cannot have such a backend.
   */
  checkConfig?(config: Record<string, unknown>, server: ServerFacts): Fault[];
  /** Prepares a backend with an admin token. Throws AppError, after which no credential is left. */
  setUp?(options: SetUpOptions): Promise<SetUpResult>;
}

/** The module of a type: the driver of a type with a login has a login, and a type with a set-up has a set-up. */
type ModuleOf<Type extends BackendType> = BackendModule &
  (Type extends { login: object } ? { make(options: DriverOptions): LoginDriver } : unknown) &
  (Type extends { setUp: object } ? Required<Pick<BackendModule, "setUp">> : unknown);

/** A module for every type of secret backend. */
export type BackendModules = {
  [Type in (typeof backendTypes)[number] as Type["name"]]: ModuleOf<Type>;
};
