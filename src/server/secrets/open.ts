import type { Log } from "../../log.ts";
import type { ProxyRule } from "../../proxies.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Random } from "../core/ids.ts";
import { Backends } from "./backends.ts";
import type { KeyFile } from "./key-file.ts";
import { type MasterKeys, openMasterKey } from "./master-key.ts";
import { SecretValues } from "./secret-values.ts";
import { SecretWrites } from "./secret-writes.ts";

/** The services that read, write and move the values of secrets. */
export interface SecretServices {
  masterKey: MasterKeys;
  backends: Backends;
  secrets: SecretValues;
  secretWrites: SecretWrites;
}

export interface OpenOptions {
  catalogue: Catalogue;
  keyFile: KeyFile | undefined;
  /** True if a URL leads to this server itself. */
  isSelf(url: URL): boolean;
  /** The proxy of each URL that a backend calls. */
  proxyFor?: ProxyRule | undefined;
  now(): number;
  /** Monotonic clock, in milliseconds. */
  elapsed(): number;
  random: Random;
  log: Log;
}

/** Opens the services. Throws AppError `unavailable` if the master keys do not open the sealed records. */
export async function openSecrets(options: OpenOptions): Promise<SecretServices> {
  const { catalogue, keyFile, isSelf, proxyFor, now, elapsed, random, log } = options;
  const masterKey = await openMasterKey(catalogue, keyFile, now);
  const backends: Backends = new Backends({
    catalogue,
    masterKey,
    isSelf,
    proxyFor,
    now,
    credential: (secret, key) => secrets.value(secret, key),
    onWarning: (text) => log.warn(text),
  });
  const secrets = new SecretValues(catalogue, backends, elapsed);
  const secretWrites = new SecretWrites(catalogue, backends, now, random);
  return { masterKey, backends, secrets, secretWrites };
}
