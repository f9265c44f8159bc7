import { accountableFor } from "../../core/access/token-makers.ts";
import type { Catalogue } from "../../core/catalogue/catalogue.ts";
import type { CallCount } from "../../core/store/call-count.ts";
import { dayMilliseconds } from "../../core/store/usage.ts";

/** The calls of somebody, and the time of the last one in milliseconds since 1970. */
export type CallTotal = Pick<CallCount, "count" | "last">;

/** The calls of the last minute and of today, by the ids of users and tokens. */
export interface CallTotals {
  minute: ReadonlyMap<string, CallTotal>;
  day: ReadonlyMap<string, CallTotal>;
}

const minute = 60_000;

/**
 * Counts the calls that the audit log has, of all servers of mcpctl on the database. The day up to a minute ago is
 * counted once and remembered, so that each further count reads the rows of one or two minutes.
 */
export class SharedCalls {
  readonly #catalogue: Catalogue;
  readonly #now: () => number;
  /** The calls of a day before a time. */
  #known: { from: number; until: number; counts: readonly CallCount[] } | undefined;

  constructor(catalogue: Catalogue, now: () => number) {
    this.#catalogue = catalogue;
    this.#now = now;
  }

  /** @throws StoreError */
  async count(): Promise<CallTotals> {
    const { store, snapshot } = this.#catalogue;
    const now = this.#now();
    const today = now - (now % dayMilliseconds);
    let known = this.#known;
    if (known?.from !== today || known.until < now - 2 * minute) {
      const from = known?.from === today ? known.until : today;
      const until = Math.max(from, now - minute);
      const more = await store.countCalls(from, until);
      known = {
        from: today,
        until,
        counts: merged(known?.from === today ? [...known.counts, ...more] : more),
      };
      this.#known = known;
    }
    // Clocks of servers differ a little.
    const ahead = now + minute;
    const [sinceKnown, inMinute] = await Promise.all([
      store.countCalls(known.until, ahead),
      store.countCalls(now - minute, ahead),
    ]);
    const makers = accountableFor(snapshot);
    return { minute: totals(inMinute, makers), day: totals([...known.counts, ...sinceKnown], makers) };
  }
}

/** Adds counts of the same user and token up. */
function merged(counts: readonly CallCount[]): CallCount[] {
  const found = new Map<string, CallCount>();
  for (const one of counts) {
    const key = JSON.stringify([one.userId, one.tokenId]);
    found.set(key, { ...one, ...sumOf(found.get(key), one) });
  }
  return [...found.values()];
}

/** Returns the calls by all whom they count for: the user, the token, and the tokens that made it. */
function totals(
  counts: readonly CallCount[],
  makers: ReadonlyMap<string, readonly string[]>,
): Map<string, CallTotal> {
  const sums = new Map<string, CallTotal>();
  for (const { userId, tokenId, count, last } of counts)
    for (const id of [userId, ...(tokenId === null ? [] : [tokenId, ...(makers.get(tokenId) ?? [])])])
      if (id !== null) sums.set(id, sumOf(sums.get(id), { count, last }));
  return sums;
}

function sumOf(before: CallTotal | undefined, more: CallTotal): CallTotal {
  if (!before) return more;
  return { count: before.count + more.count, last: Math.max(before.last, more.last) };
}
