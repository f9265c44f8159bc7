import { readdirSync, readFileSync } from "node:fs";

/** The use of memory and processes by a process and all that it has started. */
export interface ResourceUsage {
  memoryMb: number;
  /** Processes and their threads, as cgroups count them. */
  pids: number;
}

/** The usage, and the numbers of the processes that it is of. */
export interface MeasuredTree extends ResourceUsage {
  processes: number[];
}

/**
 * Measures processes and their descendants by /proc. Memory is what is their own: private pages, also those that were
 * swapped out; files and what is shared do not count.
 *
 * @param roots processes from which descendants are searched; those that are over are passed over
 */
export function measureTrees(roots: readonly number[], folder = "/proc"): MeasuredTree {
  const found = new Set<number>();
  let [kilobytes, pids] = [0, 0];
  const open = [...roots];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const status = found.has(pid) ? undefined : textOf(`${folder}/${pid}/status`);
    if (status === undefined || /^State:\s*[ZX]/m.test(status)) continue;
    found.add(pid);
    kilobytes += fieldOf(status, "RssAnon") + fieldOf(status, "VmSwap");
    pids += fieldOf(status, "Threads");
    open.push(...childrenOf(pid, folder));
  }
  return { processes: [...found], memoryMb: Math.round(kilobytes / 1024), pids };
}

/** Returns the children of a process. Each of its threads has a list of its own. */
function childrenOf(pid: number, folder: string): number[] {
  const lists = namesIn(`${folder}/${pid}/task`).map((thread) =>
    textOf(`${folder}/${pid}/task/${thread}/children`),
  );
  return lists.flatMap((list) => (list ?? "").split(" ").filter(Boolean).map(Number));
}

function fieldOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1] ?? 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
