import type { ResponsesAnswer } from "../../../adapters/types.ts";

/** Milliseconds. */
const lifetime = 30 * 60_000;

/** Bytes of all that is remembered, and of what is remembered for one owner; and answers of one owner. */
export interface MemoryLimits {
  bytes: number;
  ownerBytes: number;
  ownerAnswers: number;
}

/** The most bytes of what is remembered for one owner. */
export const ownerBytes = 8 * 1024 * 1024;

const usualLimits: MemoryLimits = {
  bytes: 64 * 1024 * 1024,
  ownerBytes,
  ownerAnswers: 1_000,
};

interface Remembered {
  /** The JSON text of the whole input, in UTF-8. */
  input: Uint8Array;
  output: readonly unknown[];
  bytes: number;
  at: number;
}

/** The answers that are remembered for one owner. The oldest is the first. */
class OwnerAnswers {
  bytes = 0;
  readonly answers = new Map<string, Remembered>();
  readonly items = new Map<string, { item: unknown; at: number }>();

  add(id: string, answer: Remembered): void {
    this.drop(id);
    this.answers.set(id, answer);
    this.bytes += answer.bytes;
    for (const item of answer.output) {
      const itemId = idOf(item);
      if (itemId !== undefined) this.items.set(itemId, { item, at: answer.at });
    }
  }

  drop(id: string): void {
    const answer = this.answers.get(id);
    if (!answer) return;
    this.answers.delete(id);
    this.bytes -= answer.bytes;
    for (const item of answer.output) {
      const itemId = idOf(item);
      if (itemId !== undefined && this.items.get(itemId)?.item === item) this.items.delete(itemId);
    }
  }

  get oldest(): [string, Remembered] | undefined {
    return this.answers.entries().next().value;
  }
}

/**
 * Remembers answers of responses calls for half an hour, so that the next request can refer to them. Each owner, a token
 * or a user, reads its own only (case 99). What is over the limits is forgotten, the oldest first.
 */
export class AnswerMemory {
  readonly #elapsed: () => number;
  readonly #limits: MemoryLimits;
  /** The owner who was idle for the longest time is the first. */
  readonly #owners = new Map<string, OwnerAnswers>();
  #bytes = 0;

  /** @param elapsed monotonic milliseconds */
  constructor(elapsed: () => number, limits: MemoryLimits = usualLimits) {
    this.#elapsed = elapsed;
    this.#limits = limits;
  }

  /** Bytes that are remembered. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param input the JSON of the request's input */
  remember(owner: string, input: string | Uint8Array, { id, output }: ResponsesAnswer): void {
    const text = typeof input === "string" ? Buffer.from(input) : input;
    const bytes = text.length + Buffer.byteLength(JSON.stringify(output));
    if (bytes > this.#limits.ownerBytes) return;
    const own = this.#owners.get(owner) ?? new OwnerAnswers();
    this.#owners.delete(owner);
    this.#owners.set(owner, own);
    const before = own.bytes;
    own.add(id, { input: text, output, bytes, at: this.#elapsed() });
    this.#bytes += own.bytes - before;
    this.#shrink(
      own,
      () => own.bytes > this.#limits.ownerBytes || own.answers.size > this.#limits.ownerAnswers,
    );
    for (const [name, other] of this.#owners) {
      this.#shrink(other, ({ at }) => this.#bytes > this.#limits.bytes || this.#isOver(at));
      if (other.answers.size > 0) break;
      this.#owners.delete(name);
    }
  }

  /** Returns the input and the output of an answer; undefined if it is not remembered. */
  answer(owner: string, id: string): { input: string; output: readonly unknown[] } | undefined {
    const found = this.#owners.get(owner)?.answers.get(id);
    if (!found || this.#isOver(found.at)) return undefined;
    return { input: Buffer.from(found.input).toString(), output: found.output };
  }

  /** Returns an item of an answer; undefined if it is not remembered. */
  item(owner: string, id: string): unknown {
    const found = this.#owners.get(owner)?.items.get(id);
    return found && !this.#isOver(found.at) ? found.item : undefined;
  }

  #isOver(at: number): boolean {
    return at <= this.#elapsed() - lifetime;
  }

  #shrink(own: OwnerAnswers, isTooMuch: (oldest: Remembered) => boolean): void {
    for (let oldest = own.oldest; oldest && isTooMuch(oldest[1]); oldest = own.oldest) {
      this.#bytes -= oldest[1].bytes;
      own.drop(oldest[0]);
    }
  }
}

function idOf(item: unknown): string | undefined {
  const id = (item as { id?: unknown } | null)?.id;
  return typeof id === "string" ? id : undefined;
}
