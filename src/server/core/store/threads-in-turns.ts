import { eachInTurns, nextTurn, sortedInTurns, TurnPace } from "../../../wire/next-turn.ts";
import type { Thread } from "./types.ts";

/** Threads, and messages of one, that are read in one turn. */
const rowsOfPage = 1000;
const messagesOfPage = 50;

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

/**
 * Returns the messages of a thread. A thread can have megabytes: they are read and parsed in several turns (T365).
 *
 * @param read returns the next messages behind a number, in order
 */
export async function messagesInTurns(
  read: (after: number, limit: number) => Promise<{ seq: number; message: string }[]>,
): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  const pace = new TurnPace();
  for (let after = -1; ; ) {
    const rows = await read(after, messagesOfPage);
    await eachInTurns(rows, ({ message }) => all.push(JSON.parse(message)), pace, 4);
    if (rows.length < messagesOfPage) return all;
    after = rows.at(-1)!.seq;
    const pause = pace.pause();
    if (pause) await pause;
  }
}
