import { AppError } from "../errors.ts";
import { pause, systemTime, type Time } from "../time.ts";
import { type Marker, type ProcessIdentity, type ProcessTable, processTable } from "./process-table.ts";
import { signalProcess } from "./signals.ts";

/** Options of `sweep`. */
export interface SweepOptions {
  /** Name of the program for errors: `a process of NAME cannot be ended`. */
  name: string;
  /** The longest that the sweep may take, in milliseconds. */
  timeout: number;
  /** Processes that had the marker earlier: one that is about to end shows none, while it still gives memory back. */
  before?: readonly ProcessIdentity[];
  /** Number of the group that they were started in, whose processes are waited for, for the same reason. */
  group?: number | undefined;
  table?: ProcessTable;
  time?: Time;
}

/** Milliseconds between two checks of processes that are about to end. */
export const pollMs = 20;

/** A signal that never aborts. */
export const unbroken = new AbortController().signal;

/**
 * Kills every process that has the marker, and returns when none is left. A process without the marker is left alone,
 * whatever its number.
 *
 * @throws AppError `unavailable` when some are still there at the end of the time
 */
export async function sweep(marker: Marker, options: SweepOptions): Promise<void> {
  const { name, timeout, table = processTable(), time = systemTime, before = [], group } = options;
  const end = time.elapsed() + timeout;
  const known = new Map(before.map(({ pid, start }) => [pid, start]));
  const isThere = ([pid, start]: [number, string]) => table.startOf(pid) === start;
  for (;;) {
    for (const { pid, start } of table.marked(marker)) {
      known.set(pid, start);
      if (isThere([pid, start])) signalProcess(pid, "SIGKILL");
    }
    for (const { pid, start } of group === undefined ? [] : table.inGroup(group)) known.set(pid, start);
    const left = [...known].filter(isThere);
    if (left.length === 0) return;
    if (time.elapsed() >= end) throw cannotBeEnded(name, left.length);
    await pause(time, pollMs, unbroken);
  }
}

/** The error for processes that are still there after SIGKILL. */
export function cannotBeEnded(name: string, count: number): AppError {
  const processes = count === 1 ? `a process of ${name}` : `${count} processes of ${name}`;
  return new AppError("unavailable", `${processes} cannot be ended`, { retryAfter: 30 });
}
