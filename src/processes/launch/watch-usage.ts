import type { ProcessIdentity, ProcessTable } from "../process-table.ts";
import { measureTrees, type ResourceUsage } from "../process-usage.ts";
import type { ResourceLimits } from "../resource-limits.ts";
import { signalProcess } from "../signals.ts";

/** A watch over what a program and its descendants use. */
export interface UsageWatch {
  /** The usage at the last look. */
  readonly usage: ResourceUsage;
  /** Ends the watch, and with SIGKILL every process of the program that it has ever seen and that still runs. */
  end(): void;
}

/** Options of `watchUsage`. */
export interface UsageWatchOptions {
  pid: number;
  /** The name of the program for the reason. */
  name: string;
  limits: ResourceLimits;
  table: ProcessTable;
  /** Called once when the program is over a limit, with a sentence that says so. */
  onExceeded(reason: string): void;
}

/** Milliseconds between two looks, and when more than half of a limit is used. */
const slow = 1_000;
const fast = 100;

/**
 * Looks at what a program uses, where no kernel feature can be relied on to limit it (failure modes 114, 115).
 * Processes that have left the program are followed as long as a look has seen them as its descendants once.
 */
export function watchUsage(options: UsageWatchOptions): UsageWatch {
  const { pid, name, limits, table, onExceeded } = options;
  const seen = new Map<number, string>();
  let usage: ResourceUsage = { memoryMb: 0, pids: 0 };
  let isExceeded = false;
  let timer: NodeJS.Timeout | undefined;

  const alive = (): ProcessIdentity[] =>
    [...seen].flatMap(([one, start]) => {
      if (table.startOf(one) === start) return [{ pid: one, start }];
      seen.delete(one);
      return [];
    });
  const look = () => {
    const { processes, ...now } = measureTrees([pid, ...alive().map((one) => one.pid)]);
    usage = now;
    for (const one of processes) {
      const start = seen.has(one) ? undefined : table.startOf(one);
      if (start !== undefined) seen.set(one, start);
    }
    const reason = exceeded(name, usage, limits);
    if (reason !== undefined && !isExceeded) onExceeded(reason);
    isExceeded ||= reason !== undefined;
    timer = setTimeout(look, isNear(usage, limits) ? fast : slow);
    timer.unref();
  };
  look();
  return {
    get usage() {
      return usage;
    },
    end() {
      clearTimeout(timer);
      for (const one of alive()) if (one.pid !== pid) signalProcess(one.pid, "SIGKILL");
    },
  };
}

function exceeded(
  name: string,
  { memoryMb, pids }: ResourceUsage,
  limits: ResourceLimits,
): string | undefined {
  if (limits.memoryMb !== undefined && memoryMb > limits.memoryMb)
    return `${name} was ended: it used ${memoryMb} MB of memory, and its limit is ${limits.memoryMb} MB`;
  if (limits.pids !== undefined && pids > limits.pids)
    return `${name} was ended: it had ${pids} processes and threads, and its limit is ${limits.pids}`;
  return undefined;
}

/** True when more than half of a limit is used. */
function isNear({ memoryMb, pids }: ResourceUsage, limits: ResourceLimits): boolean {
  return 2 * memoryMb > (limits.memoryMb ?? Infinity) || 2 * pids > (limits.pids ?? Infinity);
}
