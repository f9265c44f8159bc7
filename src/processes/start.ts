import { type Exit, type GroupOptions, groupOf, type Leader, type ProcessGroup } from "./process-group.ts";
import { type ProcessIdentity, type ProcessTable, processTable } from "./process-table.ts";

/** Options of a program that is started in a process group of its own. */
export interface StartOptions extends GroupOptions {
  /** The program and its arguments. No shell reads them (T10). */
  argv: [command: string, ...string[]];
  cwd: string;
  /** The whole environment, but for the marker, which is added (T30). */
  env: Record<string, string>;
}

/**
 * Starts a program whose output goes to a file, because a pipe would break with the end of this program. So it survives
 * that end, and the next run of this program can adopt or sweep it.
 *
 * @param options.output descriptor of the file that takes stdout and stderr
 * @throws the system's error, such as ENOENT or EACCES, when the program cannot be started
 */
export function startDetached(options: StartOptions & { output: number }): ProcessGroup {
  const { argv, cwd, output } = options;
  const env = markedEnv(options);
  const child = Bun.spawn(argv, {
    cwd,
    env,
    stdin: "ignore",
    stdout: output,
    stderr: output,
    detached: true,
  });
  return groupOf(childLeader(child, options.table), options);
}

/**
 * Takes over a group that an earlier run of this program started.
 *
 * @param leader its first process, which must be proven to be the one that was started
 * @param options.pollMs milliseconds between two checks whether it is over: only a parent is notified of that
 */
export function adoptGroup(
  leader: ProcessIdentity,
  options: GroupOptions & { pollMs: number },
): ProcessGroup {
  const { table = processTable() } = options;
  const hasExited = () => table.startOf(leader.pid) !== leader.start;
  const { promise: exited, resolve } = Promise.withResolvers<Exit>();
  const timer = setInterval(() => {
    if (!hasExited()) return;
    clearInterval(timer);
    resolve({ code: null, signal: null });
  }, options.pollMs);
  timer.unref();
  return groupOf({ ...leader, isChild: false, exited, hasExited }, options);
}

/** Returns the environment of a start: the given one, and the marker. */
export function markedEnv({ env, marker }: StartOptions): Record<string, string> {
  return marker ? { ...env, [marker.variable]: marker.value } : env;
}

/** Returns a child of this program as the first process of a group. */
export function childLeader(child: Bun.Subprocess, table: ProcessTable = processTable()): Leader {
  const exit = () => ({
    code: child.exitCode,
    signal: child.signalCode === null ? null : String(child.signalCode),
  });
  return {
    pid: child.pid,
    start: table.startOf(child.pid),
    isChild: true,
    exited: child.exited.then(exit),
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
  };
}
