import { lastSealedIn } from "../../../adapters/translation/sealed-items.ts";
import { sealedText } from "../../../adapters/without-sealed.ts";

/** Milliseconds. */
const lifetime = 30 * 60_000;
const most = 20_000;

interface Origin {
  llmId: string;
  at: number;
}

/** A hash of sealed reasoning. */
export type SealedKey = number | bigint;

/** The memory of sealed reasoning, as calls use it. */
export type SealedMemory = Pick<SealedOrigins, "remember" | "originOf">;

/** Returns the keys of the sealed reasoning in an answer. */
export function sealedKeys(output: readonly unknown[]): SealedKey[] {
  return output.flatMap((item) => {
    const sealed = sealedText(item);
    return sealed === undefined ? [] : [Bun.hash(sealed)];
  });
}

/**
 * Remembers which llm wrote sealed reasoning, by a hash of it: only the account of that llm can read it. So a
 * conversation stays at that member of a pool (case 98).
 */
export class SealedOrigins {
  readonly #elapsed: () => number;
  /** The oldest first. */
  readonly #origins = new Map<SealedKey, Origin>();

  /** @param elapsed monotonic milliseconds */
  constructor(elapsed: () => number) {
    this.#elapsed = elapsed;
  }

  remember(llmId: string, output: readonly unknown[]): void {
    this.add(llmId, sealedKeys(output));
  }

  /** Remembers the keys of an answer. */
  add(llmId: string, keys: readonly SealedKey[]): void {
    for (const key of keys) {
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
