import { AppError } from "../../errors.ts";
import { secret as secretKind } from "../../kinds/secret.ts";
import { headerFault } from "../../wire/header-value.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import { specOf, statusOf } from "../core/store/typed-rows.ts";
import type { Row } from "../core/store/types.ts";
import type { Backends } from "./backends.ts";

type Data = Readonly<Record<string, string>>;

interface CachedValues {
  values: Promise<Data | null>;
  /** The values, once they have been read; null for a secret that has none. */
  read: Data | null | undefined;
  /** Time of the read, in milliseconds. */
  since: number;
  /** Time for which the values may be kept, in milliseconds. */
  keepFor: number;
  /** Earliest time of the next attempt to read them ahead of their end, in milliseconds. */
  nextAhead: number;
}

const cacheSize = 1000;

/** Values in use are read again when this part of their time is over, so that no call waits for the read. */
const aheadAfter = 0.75;
/** Pause after a failed attempt to read ahead, in milliseconds. */
const aheadPause = 5000;

/** The values of secrets, as calls to providers read them. */
export type KeyReader = Pick<SecretValues, "held" | "value">;

/**
 * The values of secrets on all backends. Values stay in memory by their ref, which is new at each write. Values on a
 * backend that others write to as well stay only for the time that its driver permits.
 */
export class SecretValues {
  readonly #catalogue: Catalogue;
  readonly #backends: Backends;
  readonly #elapsed: () => number;
  readonly #cache = new Map<string, CachedValues>();

  /** @param elapsed monotonic clock, in milliseconds (T91) */
  constructor(catalogue: Catalogue, backends: Backends, elapsed: () => number) {
    this.#catalogue = catalogue;
    this.#backends = backends;
    this.#elapsed = elapsed;
  }

  /**
   * Returns all values of a secret. Throws AppError `secret_unavailable` or `unavailable`.
   *
   * @param secret a row of any age: if the secret has been moved since, its values are read from their present place
   */
  read(secret: Row): Promise<Data> {
    return this.#followed(secret, (row) => this.#cached(row));
  }

  /** Does the same without the cache: somebody may have changed the values by hand. */
  fresh(secret: Row): Promise<Data> {
    return this.#followed(secret, async (row) =>
      mustBeThere(row, await this.#backends.driver(this.#backendOf(row)).read(refOf(row))),
    );
  }

  /**
   * Returns one value if it is in memory and need not be read again yet; undefined if `value` has to be asked. A call
   * does not wait for what is here.
   */
  held(secretName: string, key: string): string | undefined {
    const secret = this.#catalogue.snapshot.named("secret", secretName);
    if (!secret || !hasOwnRef(secret)) return undefined;
    const entry = this.#cache.get(statusOf(secretKind, secret).externalRef);
    if (!entry?.read || this.#elapsed() - entry.since >= entry.keepFor * aheadAfter) return undefined;
    const value = entry.read[key];
    return typeof value === "string" && headerFault(value) === undefined ? value : undefined;
  }

  /** Returns one value, for a call to a provider. The error names secret and key and says why, never a value. */
  async value(secretName: string, key: string): Promise<string> {
    const secret = () => this.#catalogue.snapshot.named("secret", secretName);
    const before = secret();
    try {
      const value = before && (await this.read(before))[key];
      const fault = value === undefined ? undefined : headerFault(value);
      // Somebody has written it to the vault by another way (T108).
      if (fault !== undefined) throw new AppError("secret_unavailable", fault);
      if (value !== undefined) return value;
    } catch (cause) {
      // Another server may have deleted it, and made a new secret of the same name.
      if (before && secret()?.id !== before.id) return this.value(secretName, key);
      throw unreadable(secretName, key, cause);
    }
    throw unreadable(secretName, key);
  }

  /** Reads a secret. Tries again if another server has moved it, and has deleted the values that this one knew of. */
  async #followed(secret: Row, read: (row: Row) => Promise<Data>): Promise<Data> {
    for (let row = secret; ; ) {
      try {
        return await read(row);
      } catch (error) {
        await this.#catalogue.refresh().catch(() => {});
        const next = this.#catalogue.snapshot.byId.get(row.id);
        if (!next || next.version === row.version) throw error;
        row = next;
      }
    }
  }

  async #cached(secret: Row): Promise<Data> {
    const ref = refOf(secret);
    const time = this.#elapsed();
    let entry = this.#cache.get(ref);
    if (!entry || time - entry.since >= entry.keepFor) entry = this.#load(secret, ref, time);
    else if (time - entry.since >= entry.keepFor * aheadAfter && time >= entry.nextAhead)
      this.#readAhead(secret, ref, entry, time);
    const values = await entry.values;
    if (!values) this.#forget(ref, entry);
    return mustBeThere(secret, values);
  }

  #load(secret: Row, ref: string, since: number): CachedValues {
    const driver = this.#backends.driver(this.#backendOf(secret));
    const entry: CachedValues = {
      values: driver.read(ref),
      read: undefined,
      since,
      keepFor: driver.keepFor ?? Infinity,
      nextAhead: 0,
    };
    this.#cache.set(ref, entry);
    entry.values.then(
      (values) => {
        entry.read = values;
      },
      () => this.#forget(ref, entry),
    );
    if (this.#cache.size > cacheSize) this.#cache.delete(this.#cache.keys().next().value!);
    return entry;
  }

  /** Reads values again before their time is over. While this fails, the old ones are used until then. */
  #readAhead(secret: Row, ref: string, entry: CachedValues, since: number): void {
    entry.nextAhead = Infinity;
    const driver = this.#backends.driver(this.#backendOf(secret));
    driver.read(ref).then(
      (values) => {
        if (this.#cache.get(ref) === entry)
          this.#cache.set(ref, {
            ...entry,
            values: Promise.resolve(values),
            read: values,
            since,
            nextAhead: 0,
          });
      },
      () => {
        entry.nextAhead = this.#elapsed() + aheadPause;
      },
    );
  }

  #forget(ref: string, entry: CachedValues): void {
    if (this.#cache.get(ref) === entry) this.#cache.delete(ref);
  }

  #backendOf(secret: Row): Row {
    const backend = this.#catalogue.snapshot.named("secretbackend", specOf(secretKind, secret).backend ?? "");
    if (!backend) throw new AppError("secret_unavailable", `the backend of secret "${secret.name}" is gone`);
    return backend;
  }
}

/** Returns the ref of a secret's values. Throws AppError for a row that points at the values of another secret. */
function refOf(secret: Row): string {
  if (hasOwnRef(secret)) return statusOf(secretKind, secret).externalRef;
  throw new AppError("secret_unavailable", `secret "${secret.name}" points at the values of another one`);
}

function hasOwnRef(secret: Row): boolean {
  const { externalRef } = statusOf(secretKind, secret);
  return externalRef.startsWith(secret.id) && externalRef[secret.id.length] === "/";
}

function mustBeThere(secret: Row, values: Data | null): Data {
  if (values) return values;
  throw new AppError(
    "secret_unavailable",
    `secret backend "${specOf(secretKind, secret).backend}" has no values of secret "${secret.name}" any more`,
  );
}

function unreadable(secret: string, key: string, cause?: unknown): AppError {
  const what = `cannot read key "${key}" of secret "${secret}"`;
  if (!(cause instanceof AppError)) return new AppError("secret_unavailable", what, { cause });
  const { code, message, hint, retryAfter } = cause;
  return new AppError(code, `${what}: ${message}`, {
    cause,
    ...(hint !== undefined && { hint }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
}
