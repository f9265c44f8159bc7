import { readdirSync, readFileSync } from "node:fs";

/** The variable by which a process, and all that it starts, is known as the agent's own. */
export const markerName = "MCPCTL_AGENT_PROVIDER";

/** A process that cannot be taken for a later one with the same number. */
export interface Identity {
  pid: number;
  /** When it began, together with the start of the machine. */
  start: string;
}

/** The processes of this machine, as far as the system tells. */
export interface ProcessTable {
  /** When the process began; undefined when it is over, or the system does not say. */
  startOf(pid: number): string | undefined;
  /** Every process with this marker in its environment, wherever it has gone since. */
  marked(marker: string): Identity[];
  /** The processes of the group with this number, which may be another's by now: to wait for, never to be ended. */
  inGroup(pid: number): Identity[];
}

/** Linux tells it all in /proc; on other systems nothing is known, and so nothing is taken for ours. */
export function processTable(folder = "/proc"): ProcessTable {
  const boot = textOf(`${folder}/sys/kernel/random/boot_id`)?.trim();
  const statOf = (pid: number) => {
    const stat = textOf(`${folder}/${pid}/stat`);
    if (stat === undefined || boot === undefined) return undefined;
    // The second field is a name in brackets, which may have brackets and spaces in it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, group, start] = [fields[0], fields[2], fields[19]];
    // A zombie holds no memory any more; it only waits for its parent to ask.
    if (state === "Z" || state === "X" || start === undefined) return undefined;
    return { group: Number(group), start: `${boot}/${start}` };
  };
  const startOf = (pid: number) => statOf(pid)?.start;
  return {
    startOf,
    marked(marker) {
      const wanted = `\0${markerName}=${marker}\0`;
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

/** Undefined when there is none: it may end while it is being looked at, or belong to somebody else. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
