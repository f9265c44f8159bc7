import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { KeyReader } from "../secrets/secret-values.ts";
import type { MainLink } from "./main-link.ts";

/** Milliseconds for which a worker uses a key without asking again: somebody may change it in a vault. */
const longestUse = 2000;
/** Milliseconds after which it asks ahead, so that no call waits. */
const askAheadAfter = 1000;

interface KnownKey {
  value: string;
  /** The version of the secret's row. */
  version: number;
  since: number;
  isAsked: boolean;
}

/** The keys of providers, as a worker reads them: from the main thread, which reads the backends. */
export class RemoteKeys implements KeyReader {
  readonly #link: MainLink;
  readonly #catalogue: Catalogue;
  readonly #elapsed: () => number;
  readonly #known = new Map<string, KnownKey>();

  /** @param elapsed monotonic clock, in milliseconds */
  constructor(link: MainLink, catalogue: Catalogue, elapsed: () => number) {
    this.#link = link;
    this.#catalogue = catalogue;
    this.#elapsed = elapsed;
    // Values of secrets that are changed or deleted do not stay in memory.
    catalogue.subscribe((changes) => {
      if (!changes || changes.some(({ kind }) => kind === "secret")) this.#known.clear();
    });
  }

  held(secretName: string, key: string): string | undefined {
    const known = this.#known.get(`${secretName}/${key}`);
    if (!known || known.version !== this.#versionOf(secretName)) return undefined;
    const age = this.#elapsed() - known.since;
    if (age > longestUse) return undefined;
    if (age > askAheadAfter && !known.isAsked) {
      known.isAsked = true;
      // A failure shows itself to the call that has to wait.
      this.value(secretName, key).catch(() => {});
    }
    return known.value;
  }

  async value(secretName: string, key: string): Promise<string> {
    const version = this.#versionOf(secretName);
    const value = (await this.#link.ask({ is: "key", name: secretName, key })) as string;
    if (version !== undefined && version === this.#versionOf(secretName))
      this.#known.set(`${secretName}/${key}`, { value, version, since: this.#elapsed(), isAsked: false });
    return value;
  }

  #versionOf(secretName: string): number | undefined {
    return this.#catalogue.snapshot.named("secret", secretName)?.version;
  }
}
