import type { Part } from "./cut/cut.ts";
import { isAscii } from "./cut/written-size.ts";

/** A result that was cut, with the texts of its parts. */
export interface CutResult {
  /** The word for its parts. */
  word: PartWord;
  texts: readonly string[];
  parts: readonly Part[];
  /** A line about each part, where one was made. */
  titles: (string | undefined)[];
  /** True if the titles are summaries. */
  hasSummaries: boolean;
}

export type PartWord = "page" | "section";

/** The client whose call gave a result. Only the same one can read it (T210). */
export interface ResultOwner {
  principalId: string;
  /** The user, also of a token. */
  userId: string;
  projectId: string;
}

export interface KeptResult extends CutResult {
  id: string;
  owner: ResultOwner;
  serverId: string;
  /** The method of the call, and its tool, prompt or resource. */
  method: string;
  subject: string;
  /** The `structuredContent` as JSON, of a tool that promises one. */
  structured?: string;
  /** Milliseconds on the monotonic clock. */
  keptAt: number;
  bytes: number;
}

export interface KeepOptions {
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  /** Makes an id that nobody can guess. */
  makeId(): string;
  /** The most bytes of the results of a user. */
  maxOfUser?: number;
  /** The most bytes of all results. */
  maxInAll?: number;
}

/** Milliseconds for which a result is kept. */
export const keepTime = 30 * 60_000;

const megabyte = 1024 * 1024;
/** The most results of a user. */
const maxCount = 500;

/** Results that were cut, until their clients have read the rest. In memory, within bounds (T213). */
export class KeptResults {
  readonly #options: Required<KeepOptions>;
  /** The oldest first. */
  readonly #byId = new Map<string, KeptResult>();
  /** The bytes and the number of the results of each user. */
  readonly #uses = new Map<string, { bytes: number; count: number }>();
  #bytes = 0;

  constructor(options: KeepOptions) {
    this.#options = { maxOfUser: 24 * megabyte, maxInAll: 96 * megabyte, ...options };
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a result. The oldest ones of the same user make room, then the oldest of those who use the most. */
  keep(result: Omit<KeptResult, "id" | "keptAt" | "bytes">): KeptResult {
    const { maxOfUser, maxInAll, makeId, elapsed } = this.#options;
    const kept = { ...result, id: makeId(), keptAt: elapsed(), bytes: bytesOf(result) };
    const { userId } = kept.owner;
    this.#byId.set(kept.id, kept);
    this.#count(kept, 1);
    const use = this.#uses.get(userId)!;
    while (use.count > 1 && (use.bytes > maxOfUser || use.count > maxCount)) this.#removeOldest(userId, kept);
    while (this.#bytes > maxInAll && this.#byId.size > 1) this.#removeOldest(this.#largestUser(kept), kept);
    return kept;
  }

  /** Returns a result; undefined if there is none of this owner with the id, or it is too old. */
  find(id: string, owner: Omit<ResultOwner, "userId">): KeptResult | undefined {
    const kept = this.#byId.get(id);
    if (kept?.owner.principalId !== owner.principalId || kept.owner.projectId !== owner.projectId)
      return undefined;
    return this.#isOver(kept) ? undefined : kept;
  }

  /** Returns the results that are kept now, the oldest first. */
  list(): KeptResult[] {
    return [...this.#byId.values()].filter((kept) => !this.#isOver(kept));
  }

  remove(kept: KeptResult): void {
    if (!this.#byId.delete(kept.id)) return;
    this.#count(kept, -1);
  }

  /** Returns the milliseconds for which a result is kept further. */
  timeLeft({ keptAt }: KeptResult): number {
    return Math.max(0, keptAt + keepTime - this.#options.elapsed());
  }

  /** Removes what is too old. The work of one run, for a timer. */
  sweep(): void {
    for (const kept of this.#byId.values()) if (this.#isOver(kept)) this.remove(kept);
  }

  #isOver(kept: KeptResult): boolean {
    return this.timeLeft(kept) === 0;
  }

  #count({ owner: { userId }, bytes }: KeptResult, sign: 1 | -1): void {
    const use = this.#uses.get(userId) ?? { bytes: 0, count: 0 };
    use.bytes += sign * bytes;
    use.count += sign;
    this.#bytes += sign * bytes;
    if (use.count === 0) this.#uses.delete(userId);
    else this.#uses.set(userId, use);
  }

  /** Returns the user with the most bytes, of those who have more than the newest result. */
  #largestUser({ owner, bytes }: KeptResult): string {
    let largest = owner.userId;
    let most = -1;
    for (const [userId, use] of this.#uses) {
      const others = userId === owner.userId ? use.bytes - bytes : use.bytes;
      if (others > most) [largest, most] = [userId, others];
    }
    return largest;
  }

  #removeOldest(userId: string, except: KeptResult): void {
    for (const kept of this.#byId.values()) {
      if (kept.owner.userId !== userId || kept === except) continue;
      this.remove(kept);
      return;
    }
  }
}

/** Bytes that a part takes besides its text. */
const partBytes = 300;

/** The bytes that a result takes in memory: texts with other characters than those of Latin 1 take twice as many. */
function bytesOf({
  texts,
  parts,
  structured = "",
}: Pick<KeptResult, "texts" | "parts" | "structured">): number {
  const sum = [...texts, structured].reduce(
    (bytes, text) => bytes + text.length * (isAscii(text) || !/[^\0-\xff]/.test(text) ? 1 : 2),
    0,
  );
  return sum + parts.length * partBytes;
}
