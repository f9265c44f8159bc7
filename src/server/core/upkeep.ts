import type { Catalogue } from "./catalogue/catalogue.ts";
import { type Clocks, clockGuard } from "./clock-guard.ts";
import type { Component } from "./lifecycle.ts";

/** The newest changes that are kept for watchers and for other servers on the same database. */
const keptChanges = 10_000;

/** The newest objects of providers that are kept for one owner. */
const keptObjects = 10_000;

/** Times that were stored longer ago than this are not stored again. Milliseconds; longer than between two runs. */
const recent = 2 * 60_000;

export interface UpkeepOptions extends Clocks {
  catalogue: Catalogue;
}

/**
 * Stores what changes without a commit (the last use of tokens, the last contact of agents), and prunes expired
 * sessions and old changes. After a jump of the clock it prunes nothing for an hour. Its last run is when it closes.
 *
 * @returns the work of one run, for a timer
 */
export function upkeepComponent({ catalogue, now, elapsed }: UpkeepOptions): Component<() => Promise<void>> {
  const { store } = catalogue;
  const isClockRight = clockGuard({ now, elapsed });
  const run = async () => {
    const { volatile, byId } = catalogue.snapshot;
    const { lastUsed, seen } = volatile;
    for (const id of lastUsed.keys()) if (!byId.has(id)) lastUsed.delete(id);
    const since = now() - recent;
    const recentOf = (times: typeof seen) => new Map([...times].filter(([, at]) => at > since));
    const used = recentOf(lastUsed);
    if (used.size > 0) await store.touchTokens(used);
    const contacts = recentOf(seen);
    if (contacts.size > 0) await store.touchProviderSessions(contacts);
    if (isClockRight()) {
      await store.prune(now(), keptChanges);
      await store.pruneProviderObjects(now(), keptObjects);
    }
    // Of a server that was killed while it deleted them.
    await store.deleteBuried();
  };
  return { name: "upkeep", start: () => run, close: run };
}
