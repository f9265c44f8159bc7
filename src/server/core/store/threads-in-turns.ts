import { nextTurn, sortedInTurns } from "../../../wire/next-turn.ts";
import type { Thread } from "./types.ts";

/** Threads that are read in one turn. */
const rowsOfPage = 1000;

/**
 * Returns threads, the last used first. Thousands of them are read and sorted in several turns of the event loop (T363).
 *
 * @param read returns the next threads behind an id, in the order of their ids, which never change
 */
export async function threadsInTurns(
  read: (after: string, limit: number) => Promise<Thread[]>,
): Promise<Thread[]> {
  const all: Thread[] = [];
  for (;;) {
    const found = await read(all.at(-1)?.id ?? "", rowsOfPage);
    all.push(...found);
    if (found.length < rowsOfPage) break;
    await nextTurn();
  }
  return await sortedInTurns(all, (a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1));
}
