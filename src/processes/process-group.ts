import { pause, systemTime, type Time } from "../time.ts";
import { type Marker, type ProcessIdentity, type ProcessTable, processTable } from "./process-table.ts";
import { signalGroup, signalProcess } from "./signals.ts";
import { cannotBeEnded, pollMs, sweep, unbroken } from "./sweep.ts";

/** A process and the processes that it has started. They share a process group, which has the first one's number. */
export interface ProcessGroup {
  readonly pid: number;
  /** The start of the first process; undefined where the system does not show it. */
  readonly start: string | undefined;
  /** Resolves when the first process is over. Processes that outlive it are killed then. */
  readonly exited: Promise<Exit>;
  readonly hasExited: boolean;
  /**
   * Ends the group: SIGTERM, SIGKILL after the grace, and SIGKILL for each marked process that has left the group. No
   * process of it is left when this returns. A second call does nothing more.
   *
   * @throws AppError `unavailable` when a process of it cannot be ended
   */
  stop(): Promise<void>;
}

/** The exit of a process. Both fields are null for a process with another parent: only the parent learns them. */
export interface Exit {
  code: number | null;
  signal: string | null;
}

/** Limits of the end of a group, in milliseconds. */
export interface StopTimeouts {
  /** From SIGTERM to SIGKILL. */
  grace: number;
  /** From SIGKILL to the error: a process can hang in a driver. */
  kill: number;
}

/** Options of every group. */
export interface GroupOptions {
  /** Name of the program for errors: `a process of NAME cannot be ended`. */
  name: string;
  timeouts: StopTimeouts;
  /** Without one, a process that has left the group is not found. */
  marker?: Marker;
  /** True: processes that outlive the first one go on until `stop`, as those of a command that starts a service. */
  restStays?: boolean;
  /** True: the first process only waits for the program and would take its grace away by ending first. */
  hasMonitor?: boolean;
  table?: ProcessTable;
  time?: Time;
}

/** The first process of a group. */
export interface Leader {
  readonly pid: number;
  readonly start: string | undefined;
  /** True for a child of this program: its number stays reserved until this program knows of its end. */
  readonly isChild: boolean;
  readonly exited: Promise<Exit>;
  hasExited(): boolean;
}

/** Describes an exit for a sentence such as `vLLM ended with …`. */
export function describeExit({ code, signal }: Exit): string {
  if (signal !== null) return `signal ${signal}`;
  return code === null ? "an unknown code" : `code ${code}`;
}

/** Makes the group of a first process that runs. */
export function groupOf(leader: Leader, options: GroupOptions): ProcessGroup {
  const { pid, start, exited } = leader;
  const { name, timeouts, marker, restStays = false, hasMonitor = false } = options;
  const { table = processTable(), time = systemTime } = options;
  const isVisible = table.startOf(process.pid) !== undefined;
  const hasProcess = () => signalGroup(pid, 0) && (!isVisible || table.inGroup(pid).length > 0);

  // The number of an empty group can become another group's: from then on no signal is sent to it.
  let isEmpty = false;
  const isOver = () => {
    if (!leader.hasExited()) return false;
    if (!restStays) return true;
    isEmpty ||= !hasProcess();
    return isEmpty;
  };
  const signal = (what: NodeJS.Signals) => !isOver() && signalGroup(pid, what);
  const terminate = () => {
    const rest = hasMonitor && !isOver() ? table.inGroup(pid).filter((one) => one.pid !== pid) : [];
    for (const one of rest) signalProcess(one.pid, "SIGTERM");
    return rest.length > 0 || signal("SIGTERM");
  };
  const over = async (milliseconds: number) => {
    const end = time.elapsed() + milliseconds;
    while (!isOver() && time.elapsed() < end) await pause(time, pollMs, unbroken);
  };

  // A process that is about to end shows no environment, and so no marker, while it still gives memory back.
  let before: readonly ProcessIdentity[] = [];
  let restEnded: Promise<void> | undefined;
  const endRest = () => {
    restEnded ??= (async () => {
      if (leader.isChild && !restStays) signalGroup(pid, "SIGKILL");
      if (!marker) return;
      // If another process has the leader's number, the group of that number is another one too.
      const isTaken = ![undefined, start].includes(table.startOf(pid));
      const group = isTaken ? undefined : pid;
      await sweep(marker, { name, timeout: timeouts.kill, before, group, table, time });
    })();
    return restEnded;
  };

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    if (marker) before = table.marked(marker);
    if (terminate()) await over(timeouts.grace);
    if (signal("SIGKILL")) await over(timeouts.kill);
    await endRest();
    if (!isOver()) throw cannotBeEnded(name, 1);
  };

  void exited.then(() => {
    // Checked at once, because the number of an empty group can be given to another one.
    isOver();
    if (!restStays) endRest().catch(() => {});
  });
  return {
    pid,
    start,
    exited,
    get hasExited() {
      return leader.hasExited();
    },
    stop: () => (stopping ??= stop()),
  };
}
