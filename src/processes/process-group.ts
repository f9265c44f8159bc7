import { AppError } from "../errors.ts";
import { pause, systemTime } from "../time.ts";
import type { Identity, ProcessTable } from "./process-table.ts";

/** A vLLM's process and all that it has started. */
export interface ProcessGroup {
  readonly pid: number;
  /** When its first process began; undefined where the system does not say. */
  readonly start: string | undefined;
  /** Resolves when its first process is over, with how: `code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** Whether its first process is over. */
  readonly isOver: boolean;
  /**
   * Asks the group to end, kills it when its time is over, and sweeps what has left the group. Nothing of it is left
   * when this returns.
   *
   * @throws AppError `unavailable` when something of it cannot be ended
   */
  stop(): Promise<void>;
}

/** Milliseconds. */
export interface StopPatience {
  /** From SIGTERM to SIGKILL: vLLM gives its workers 9 s. */
  grace: number;
  /** From SIGKILL to giving up: a process may hang in the driver. */
  killed: number;
}

interface StartOptions {
  argv: [command: string, ...string[]];
  cwd: string;
  env: Record<string, string>;
  /** Descriptor of the file that takes what it writes. */
  output: number;
  marker: string;
  table: ProcessTable;
  patience: StopPatience;
}

const forever = new AbortController().signal;

/** How often it is looked whether a process is still there, in milliseconds. */
const glance = 20;

/** Starts a program in a process group of its own. Throws AppError `unavailable` when it cannot be started. */
export function startGroup(options: StartOptions): ProcessGroup {
  const { argv, cwd, env, output, marker, table, patience } = options;
  const child = spawned(argv, { cwd, env, stdin: "ignore", stdout: output, stderr: output, detached: true });
  const ended = child.exited.then(() =>
    child.signalCode === null ? `code ${child.exitCode}` : `signal ${child.signalCode}`,
  );
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  return group({ pid: child.pid, start: table.startOf(child.pid), ended, isOver, marker, table, patience });
}

function spawned(argv: string[], options: Bun.SpawnOptions.OptionsObject<"ignore", number, number>) {
  try {
    return Bun.spawn(argv, options);
  } catch (cause) {
    throw new AppError("unavailable", "vLLM cannot be run on its machine", { cause });
  }
}

/** Takes over a group that an earlier agent has started, whose first process is surely the one that is meant. */
export function adoptGroup(
  { pid, start }: Identity,
  options: Pick<StartOptions, "marker" | "table" | "patience"> & { look: number },
): ProcessGroup {
  const { marker, table, patience, look } = options;
  const isOver = () => table.startOf(pid) !== start;
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const timer = setInterval(() => {
    if (!isOver()) return;
    clearInterval(timer);
    // Only a parent is told with which code.
    resolve("an unknown code");
  }, look);
  timer.unref();
  return group({ pid, start, ended, isOver, marker, table, patience });
}

type Parts = Pick<ProcessGroup, "pid" | "start" | "ended"> &
  Pick<StartOptions, "marker" | "table" | "patience"> & { isOver(): boolean };

function group({ pid, start, ended, isOver, marker, table, patience }: Parts): ProcessGroup {
  // While its first process lives, the number of the group is surely its own.
  const tell = (signal: NodeJS.Signals) => !isOver() && send(-pid, signal);
  const leaves = async (milliseconds: number) => {
    const late = systemTime.elapsed() + milliseconds;
    while (!isOver() && systemTime.elapsed() < late) await pause(systemTime, glance, forever);
  };
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    const before = table.marked(marker);
    tell("SIGTERM");
    await leaves(patience.grace);
    tell("SIGKILL");
    await leaves(patience.killed);
    // Where nothing is told of processes, those of the group are the only ones that can be found.
    if (isOver() && table.startOf(process.pid) === undefined) send(-pid, "SIGKILL");
    await sweep(marker, table, patience.killed, { before, group: pid });
    if (!isOver()) throw stuck(1);
  };
  return {
    pid,
    start,
    ended,
    get isOver() {
      return isOver();
    },
    stop: () => (stopping ??= stop()),
  };
}

/**
 * Kills every process that has the marker, and returns when none is left. What does not have it is left alone, whatever
 * its number.
 *
 * @param milliseconds how long that may take
 * @param before those that had it earlier: one that is about to end shows no marker, while it still gives memory back
 * @param group number of the group that they were started in, for the same reason
 * @throws AppError `unavailable` when some are still there
 */
export async function sweep(
  marker: string,
  table: ProcessTable,
  milliseconds: number,
  { before = [], group }: { before?: readonly Identity[]; group?: number } = {},
): Promise<void> {
  const late = systemTime.elapsed() + milliseconds;
  const known = new Map(before.map(({ pid, start }) => [pid, start]));
  const stillThere = ([pid, start]: [number, string]) => table.startOf(pid) === start;
  for (;;) {
    for (const { pid, start } of table.marked(marker)) {
      known.set(pid, start);
      if (stillThere([pid, start])) send(pid, "SIGKILL");
    }
    for (const { pid, start } of group === undefined ? [] : table.inGroup(group)) known.set(pid, start);
    const left = [...known].filter(stillThere);
    if (left.length === 0) return;
    if (systemTime.elapsed() >= late) throw stuck(left.length);
    await pause(systemTime, glance, forever);
  }
}

function stuck(count: number): AppError {
  const what = count === 1 ? "a process of vLLM" : `${count} processes of vLLM`;
  return new AppError("unavailable", `${what} cannot be ended`, { retryAfter: 30 });
}

/** It may be gone already. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {}
}
