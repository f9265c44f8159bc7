import { plaintextDriver } from "../backends/plaintext.ts";
import type { Driver } from "../backends/types.ts";
import { AppError } from "../errors.ts";
import type { Catalogue } from "./catalogue/catalogue.ts";
import { newId, type Random } from "./ids.ts";
import type { Row } from "./store/types.ts";

const cacheSize = 1000;

/** How old stored data must be before it can be taken for a leftover: longer than any request lives. */
const orphanAge = 60 * 60 * 1000;

/**
 * The values of secrets, whatever backend they are on. Read values stay in memory by their ref, which is new at
 * each write, so a cached value is never an old one.
 */
export class SecretValues {
  readonly #catalogue: Catalogue;
  readonly #plaintext: Driver;
  readonly #now: () => number;
  readonly #cache = new Map<string, Promise<Record<string, string> | null>>();

  constructor(catalogue: Catalogue, now: () => number, random?: Random) {
    const { store } = catalogue;
    this.#catalogue = catalogue;
    this.#now = now;
    this.#plaintext = plaintextDriver(
      {
        get: (ref) => store.secretData(ref),
        put: async (ref, data) => void (await store.commit([{ op: "putSecretData", ref, data, at: now() }])),
        delete: async (ref) => void (await store.commit([{ op: "deleteSecretData", ref }])),
        list: () => store.secretRefs(Number.MAX_SAFE_INTEGER),
      },
      (id) => `${id}/${newId("ver", now(), random)}`,
    );
  }

  /** The driver of a secret backend's row. */
  driver(backend: Row): Driver {
    if (backend.spec["type"] === "plaintext") return this.#plaintext;
    throw new AppError("secret_unavailable", `no driver for secret backend "${backend.name}"`);
  }

  /** All values of a secret. Throws AppError `secret_unavailable`. */
  async read(secret: Row): Promise<Record<string, string>> {
    const ref = secret.status["externalRef"] as string;
    let cached = this.#cache.get(ref);
    if (!cached) {
      cached = this.driver(this.#backendOf(secret)).read(ref);
      this.#cache.set(ref, cached);
      cached.catch(() => this.#cache.delete(ref));
      if (this.#cache.size > cacheSize) this.#cache.delete(this.#cache.keys().next().value!);
    }
    const data = await cached;
    if (!data) {
      this.#cache.delete(ref);
      throw new AppError("secret_unavailable", `secret "${secret.name}" has lost its values`);
    }
    return data;
  }

  /** One value, for a call to a provider. The error names secret and key, never a value. */
  async value(secretName: string, key: string): Promise<string> {
    const secret = () => this.#catalogue.snapshot.named("secret", secretName);
    const before = secret();
    try {
      const value = before && (await this.read(before))[key];
      if (value !== undefined) return value;
    } catch (cause) {
      // Another server may have moved the secret on, and deleted what this one knew of.
      await this.#catalogue.refresh().catch(() => {});
      if (before && secret()?.version !== before.version) return this.value(secretName, key);
      throw unreadable(secretName, key, cause);
    }
    throw unreadable(secretName, key);
  }

  /** Deletes stored values that no secret points at: what an interrupted write or delete left behind. */
  async sweep(): Promise<void> {
    const { store, snapshot } = this.#catalogue;
    const used = new Set(snapshot.table("secret").sorted.map((row) => row.status["externalRef"]));
    for (const ref of await store.secretRefs(this.#now() - orphanAge)) {
      if (!used.has(ref)) await this.#plaintext.delete(ref);
    }
  }

  #backendOf(secret: Row): Row {
    const backend = this.#catalogue.snapshot.named("secretbackend", secret.spec["backend"] as string);
    if (!backend) throw new AppError("secret_unavailable", `the backend of secret "${secret.name}" is gone`);
    return backend;
  }
}

function unreadable(secret: string, key: string, cause?: unknown): AppError {
  return new AppError("secret_unavailable", `cannot read key "${key}" of secret "${secret}"`, { cause });
}
