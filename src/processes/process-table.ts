import { readdirSync, readFileSync } from "node:fs";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  pid: number;
  /** The start of the machine and the time since then at which the process began. */
  start: string;
}

/** An environment variable by which a process, and every process that it starts, is known to belong to this program. */
export interface Marker {
  variable: string;
  /** Random: no other process has it. */
  value: string;
}

/** The processes of this machine, as far as the system shows them. */
export interface ProcessTable {
  /** Returns the start of a process; undefined when it is over, or when the system does not show it. */
  startOf(pid: number): string | undefined;
  /** Returns every process with the marker in its environment, whatever its parent and group are by now. */
  marked(marker: Marker): ProcessIdentity[];
  /**
   * Returns the processes of a group. The number may belong to another group by now: this is for waiting, never for
   * signals.
   */
  inGroup(pid: number): ProcessIdentity[];
}

/**
 * Reads the processes from /proc, as on Linux. On other systems nothing is known, and so no process is taken for one
 * of this program's.
 *
 * @param folder in place of /proc
 */
export function processTable(folder = "/proc"): ProcessTable {
  const boot = textOf(`${folder}/sys/kernel/random/boot_id`)?.trim();
  const statOf = (pid: number) => {
    const stat = textOf(`${folder}/${pid}/stat`);
    if (stat === undefined || boot === undefined) return undefined;
    // proc_pid_stat(5): the second field is a name in brackets, which may itself contain brackets and spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, group, start] = [fields[0], fields[2], fields[19]];
    // A zombie holds no memory and no files any more; it only waits for its parent.
    if (state === "Z" || state === "X" || start === undefined) return undefined;
    return { group: Number(group), start: `${boot}/${start}` };
  };
  const startOf = (pid: number) => statOf(pid)?.start;
  return {
    startOf,
    marked({ variable, value }) {
      const wanted = `\0${variable}=${value}\0`;
      return processIds(folder).flatMap((pid) => {
        const start = startOf(pid);
        if (start === undefined || !`\0${textOf(`${folder}/${pid}/environ`) ?? ""}`.includes(wanted))
          return [];
        return [{ pid, start }];
      });
    },
    inGroup: (wanted) =>
      processIds(folder).flatMap((pid) => {
        const stat = statOf(pid);
        return stat?.group === wanted ? [{ pid, start: stat.start }] : [];
      }),
  };
}

function processIds(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Returns undefined when the file is gone or unreadable: the process has ended, or belongs to another user. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
