import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { engineEnvironment } from "../containers/engines.ts";
import { endOutsideProcesses, isOutsideProcesses, type OutsideProcesses } from "../outside-processes.ts";
import { type PipedProcess, startPiped } from "../piped-process.ts";
import { hasOtherOwner, recorded, recordFile } from "../process-record.ts";
import { type ProcessTable, processTable } from "../process-table.ts";
import type { ResourceUsage } from "../process-usage.ts";
import { signalGroup } from "../signals.ts";
import { sweep } from "../sweep.ts";
import type { Launch } from "./launch.ts";
import { watchUsage } from "./watch-usage.ts";

/** The variable that marks a program, and every process that it starts, as one that mcpctl has launched. */
const markerVariable = "MCPCTL_PROGRAM";

/** Milliseconds. */
const timeouts = { grace: 5_000, kill: 10_000 };

/** A program that runs. */
export interface RunningLaunch extends PipedProcess {
  /** The use of the program and its descendants, at the last look. */
  readonly usage: ResourceUsage;
  /** The reason for which mcpctl has ended it: a limit. Undefined for every other end. */
  readonly endReason: string | undefined;
  /**
   * Ends it with all that it has started: SIGTERM, SIGKILL 5 s later, then what has left its group, then its container or scope.
   *
   * @throws AppError `unavailable` when something of it cannot be ended
   */
  stop(): Promise<void>;
}

/** Options of a start. */
export interface StartLaunchOptions {
  /** Folder of the records by which the next run of mcpctl finds what a killed one has left. */
  records: string;
  /** The name of the record: one for each program that runs. */
  id: string;
  /** Takes what the program writes to stderr. */
  onStderr(bytes: Uint8Array): void;
  /** Milliseconds from SIGTERM to SIGKILL; 5,000 if it is not set. */
  grace?: number;
  table?: ProcessTable;
}

/**
 * Starts a program that was prepared. A program that goes over its limits is killed at once. It is written down, so that
 * `sweepLaunches` ends it after mcpctl was killed (failure mode 113).
 *
 * @throws AppError `unavailable` when the system cannot start it
 */
export function startLaunch(launch: Launch, options: StartLaunchOptions): RunningLaunch {
  const { table = processTable(), onStderr, grace = timeouts.grace } = options;
  const record = launchRecord(options.records, options.id);
  const marker = crypto.randomUUID();
  const { outside } = launch;
  const entry = { marker, owner: recorded(process.pid, table), ...(outside && { outside }) };
  // Written before the start: a process that is killed in between leaves a marker to sweep by.
  record.write(entry);
  let started: PipedProcess;
  try {
    started = startPiped({
      argv: launch.argv,
      env: launch.env,
      cwd: launch.cwd,
      name: launch.name,
      hasMonitor: launch.hasMonitor,
      marker: markerOf(marker),
      timeouts: { ...timeouts, grace },
      onStderr,
      table,
    });
    record.write({ ...entry, leader: recorded(started.group.pid, table) });
  } catch (cause) {
    record.remove();
    const { code } = cause as { code?: string };
    const message = `${launch.name} cannot be started${code === undefined ? "" : ` (${code})`}`;
    throw new AppError("unavailable", message, { cause, retryAfter: 5 });
  }
  let endReason: string | undefined;
  const { pid } = started.group;
  const watch = watchUsage({
    ...{ pid, name: launch.name, limits: launch.limits, table },
    onExceeded(reason) {
      endReason = reason;
      // No grace: what takes memory or processes without end must not go on for 5 seconds.
      if (!started.group.hasExited) signalGroup(pid, "SIGKILL");
    },
  });
  const removeFiles = removal(launch.transientFiles ?? []);
  const rest = async () => {
    watch.end();
    removeFiles();
    await started.group.stop();
    if (outside) await endOutsideProcesses(outside, engineEnvironment(launch.env));
    record.remove();
  };
  let ending: Promise<void> | undefined;
  const endRest = () => (ending ??= rest());
  const stop = async () => {
    await started.group.stop();
    await endRest();
  };
  // The record stays when something cannot be ended, for the next run to try again.
  const closed = started.closed.then((exit) =>
    endRest().then(
      () => exit,
      () => exit,
    ),
  );
  return {
    ...started,
    closed,
    stop,
    get usage() {
      return watch.usage;
    },
    get endReason() {
      return endReason;
    },
  };
}

/** A file that only the start needs is removed after so many milliseconds. */
const transientMs = 30_000;

/** Removes files after a while, or when the returned function is called. */
function removal(files: readonly string[]): () => void {
  const remove = () => {
    for (const file of files) rmSync(file, { force: true });
  };
  const timer = setTimeout(remove, transientMs);
  timer.unref();
  return () => {
    clearTimeout(timer);
    remove();
  };
}

/**
 * Ends what earlier runs of mcpctl have left, by their records. Programs of another mcpctl that still runs are left
 * alone.
 *
 * @param own the environment of mcpctl, in which the engines of containers find their settings
 * @returns sentences about what could not be ended
 */
export async function sweepLaunches(
  records: string,
  own: Readonly<Record<string, string | undefined>>,
  table: ProcessTable = processTable(),
): Promise<string[]> {
  const faults: string[] = [];
  for (const id of recordIds(records)) {
    const record = launchRecord(records, id);
    const found = record.read();
    if (found && hasOtherOwner(found, table)) continue;
    try {
      if (found) await sweep(markerOf(found.marker), { name: id, timeout: timeouts.kill, table });
      if (isOutsideProcesses(found?.outside))
        await endOutsideProcesses(found.outside, engineEnvironment(own));
      record.remove();
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  return faults;
}

const markerOf = (value: string) => ({ variable: markerVariable, value });
const suffix = ".json";

/** The record of a program, with its container or scope where it has one. */
function launchRecord(folder: string, id: string) {
  // A program may have any name, and here it becomes the name of a file.
  const path = join(folder, `${encodeURIComponent(id)}${suffix}`);
  return recordFile<{ outside?: OutsideProcesses }>(path, () => true);
}

function recordIds(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(suffix) && !name.startsWith("."));
    return names.map((name) => decodeURIComponent(name.slice(0, -suffix.length)));
  } catch {
    return [];
  }
}
