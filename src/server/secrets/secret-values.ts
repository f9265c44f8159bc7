import { AppError } from "../../errors.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Row } from "../core/store/types.ts";
import type { Backends } from "./backends.ts";

type Data = Readonly<Record<string, string>>;

interface Entry {
  values: Promise<Data | null>;
  /** When it was asked for, and how long it may be kept; milliseconds. */
  since: number;
  keepFor: number;
  /** No attempt to read it ahead of its end before this. */
  nextAhead: number;
}

const cacheSize = 1000;

/** A value in use is read again when this much of its time is over, so that no call waits for it. */
const aheadAfter = 0.75;
/** How long after a failure to read ahead it is tried again, in milliseconds. */
const aheadPause = 5000;

/**
 * The values of secrets, whatever backend they are on. What was read stays in memory by its ref, which is new at each
 * write; on a backend that others write to as well, only for as long as its driver says.
 */
export class SecretValues {
  readonly #catalogue: Catalogue;
  readonly #backends: Backends;
  readonly #elapsed: () => number;
  readonly #cache = new Map<string, Entry>();

  /** @param elapsed a clock that nobody sets, in milliseconds (T91) */
  constructor(catalogue: Catalogue, backends: Backends, elapsed: () => number) {
    this.#catalogue = catalogue;
    this.#backends = backends;
    this.#elapsed = elapsed;
  }

  /**
   * Returns all values of a secret. Throws AppError `secret_unavailable` or `unavailable`.
   *
   * @param secret a row of any age: where it has been moved since, its values are read where they are now
   */
  read(secret: Row): Promise<Data> {
    return this.#followed(secret, (row) => this.#cached(row));
  }

  /** Does the same without the memory: somebody may have changed the values by hand. */
  fresh(secret: Row): Promise<Data> {
    return this.#followed(secret, async (row) =>
      mustBeThere(row, await this.#backends.driver(this.#backendOf(row)).read(refOf(row))),
    );
  }

  /** Returns one value, for a call to a provider. The error names secret and key and says why, never a value. */
  async value(secretName: string, key: string): Promise<string> {
    const secret = () => this.#catalogue.snapshot.named("secret", secretName);
    const before = secret();
    try {
      const value = before && (await this.read(before))[key];
      if (value !== undefined) return value;
    } catch (cause) {
      // Another server may have deleted it, and made another of the same name.
      if (before && secret()?.id !== before.id) return this.value(secretName, key);
      throw unreadable(secretName, key, cause);
    }
    throw unreadable(secretName, key);
  }

  /** Reads a secret; again where another server has moved it, and deleted the values that this one knew of. */
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

  #load(secret: Row, ref: string, since: number): Entry {
    const driver = this.#backends.driver(this.#backendOf(secret));
    const entry = { values: driver.read(ref), since, keepFor: driver.keepFor ?? Infinity, nextAhead: 0 };
    this.#cache.set(ref, entry);
    entry.values.catch(() => this.#forget(ref, entry));
    if (this.#cache.size > cacheSize) this.#cache.delete(this.#cache.keys().next().value!);
    return entry;
  }

  /** While this fails, what is there serves on until its time is over. */
  #readAhead(secret: Row, ref: string, entry: Entry, since: number): void {
    entry.nextAhead = Infinity;
    const driver = this.#backends.driver(this.#backendOf(secret));
    driver.read(ref).then(
      (values) => {
        if (this.#cache.get(ref) === entry)
          this.#cache.set(ref, { ...entry, values: Promise.resolve(values), since, nextAhead: 0 });
      },
      () => {
        entry.nextAhead = this.#elapsed() + aheadPause;
      },
    );
  }

  #forget(ref: string, entry: Entry): void {
    if (this.#cache.get(ref) === entry) this.#cache.delete(ref);
  }

  #backendOf(secret: Row): Row {
    const backend = this.#catalogue.snapshot.named("secretbackend", secret.spec["backend"] as string);
    if (!backend) throw new AppError("secret_unavailable", `the backend of secret "${secret.name}" is gone`);
    return backend;
  }
}

/** Where a secret's values are. Never another secret's, whatever somebody has written into the row. */
function refOf({ id, name, status }: Row): string {
  const ref = status["externalRef"] as string;
  if (ref.startsWith(`${id}/`)) return ref;
  throw new AppError("secret_unavailable", `secret "${name}" points at the values of another one`);
}

function mustBeThere({ name, spec }: Row, values: Data | null): Data {
  if (values) return values;
  throw new AppError(
    "secret_unavailable",
    `secret backend "${spec["backend"]}" has no values of secret "${name}" any more`,
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
