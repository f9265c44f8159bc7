import { lastSealedIn } from "../../../adapters/translation/sealed-items.ts";
import { sealedText } from "../../../adapters/without-sealed.ts";

/** Milliseconds. */
const lifetime = 30 * 60_000;
const most = 20_000;

interface Origin {
  llmId: string;
  at: number;
}

/**
 * Remembers which llm wrote sealed reasoning, by a hash of it: only the account of that llm can read it. So a
 * conversation stays at that member of a pool (case 98).
 */
export class SealedOrigins {
  readonly #elapsed: () => number;
  /** The oldest first. */
  readonly #origins = new Map<number | bigint, Origin>();

  /** @param elapsed monotonic milliseconds */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  remember(llmId: string, output: readonly unknown[]): void {
    for (const item of output) {
      const sealed = sealedText(item);
      if (sealed === undefined) continue;
      const key = Bun.hash(sealed);
      this.#origins.delete(key);
      this.#origins.set(key, { llmId, at: this.#elapsed() });
    }
    for (const [key, { at }] of this.#origins) {
      if (this.#origins.size <= most && at > this.#elapsed() - lifetime) break;
      this.#origins.delete(key);
    }
  }

  /** Returns the id of the llm that wrote the last sealed item of a request; undefined if that is not known. */
  originOf({ input, messages }: Record<string, unknown>): string | undefined {
    if (this.#origins.size === 0) return undefined;
    const sealed = Array.isArray(input)
      ? sealedText(input.findLast((item) => sealedText(item) !== undefined))
      : lastSealedIn(messages);
    const origin = sealed === undefined ? undefined : this.#origins.get(Bun.hash(sealed));
    return origin && origin.at > this.#elapsed() - lifetime ? origin.llmId : undefined;
  }
}
