import { readdirSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
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
  /** What it and its descendants use, at the last look. */
  readonly usage: ResourceUsage;
  /** The reason for which mcpctl has ended it: a limit. Undefined for every other end. */
  readonly endReason: string | undefined;
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
 * Starts a program that was prepared. Its `group.stop()` ends it with all that it has started: SIGTERM, SIGKILL 5 s
 * later. A program that goes over its limits is killed at once. It is written down, so that `sweepLaunches` ends it after mcpctl was killed (failure mode 113).
 *
 * @throws AppError `unavailable` when the system cannot start it
 */
export function startLaunch(launch: Launch, options: StartLaunchOptions): RunningLaunch {
  const { table = processTable(), onStderr, grace = timeouts.grace } = options;
  const record = recordFile(recordPath(options.records, options.id), () => true);
  const marker = crypto.randomUUID();
  const entry = { marker, owner: recorded(process.pid, table) };
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
      marker: { variable: markerVariable, value: marker },
      timeouts: { ...timeouts, grace },
      onStderr,
      table,
    });
    record.write({ ...entry, leader: recorded(started.group.pid, table) });
  } catch (cause) {
    record.remove();
    throw new AppError("unavailable", `${launch.name} cannot be started`, { cause, retryAfter: 5 });
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
  const closed = started.closed.then(async (exit) => {
    watch.end();
    // The record stays when something cannot be ended, for the next run to try again.
    await started.group.stop().then(record.remove, () => {});
    return exit;
  });
  return {
    ...started,
    closed,
    get usage() {
      return watch.usage;
    },
    get endReason() {
      return endReason;
    },
  };
}

/**
 * Ends what earlier runs of mcpctl have left, by their records. Programs of another mcpctl that still runs are left
 * alone.
 *
 * @returns sentences about processes that could not be ended
 */
export async function sweepLaunches(
  records: string,
  table: ProcessTable = processTable(),
): Promise<string[]> {
  const faults: string[] = [];
  for (const file of filesIn(records)) {
    const record = recordFile(join(records, file), () => true);
    const found = record.read();
    if (found && hasOtherOwner(found, table)) continue;
    const name = decodeURIComponent(file.slice(0, -suffix.length));
    try {
      if (found)
        await sweep(
          { variable: markerVariable, value: found.marker },
          { name, timeout: timeouts.kill, table },
        );
      record.remove();
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  return faults;
}

const suffix = ".json";

function recordPath(records: string, id: string): string {
  // A program may have any name, and here it becomes the name of a file.
  return join(records, `${encodeURIComponent(id)}${suffix}`);
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(suffix) && !name.startsWith("."));
  } catch {
    return [];
  }
}
