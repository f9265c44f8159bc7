import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";

/** A server that answers on a port of this machine. */
export interface Started {
  pid: number;
  port: number;
  /** Ends it and returns when it is gone. */
  stop(): Promise<void>;
}

/** Environment of the programs: nothing of the caller's, because a variable there may point at another server. */
export const bareEnvironment = { PATH: process.env["PATH"] ?? "" };

/** The variables by which this machine says how programs reach a registry of packages. */
export const networkEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      /^(https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i.test(entry[0]),
  ),
);

export interface StartOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** Statuses with which a shell, too, tells that a signal has ended a program: 128 and its number. */
const endedBy = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** All that a run of the benchmark starts and writes, so that nothing of it is left afterwards. */
export class Processes {
  readonly #root = mkdtempSync(join(tmpdir(), "mcpctl-bench-"));
  readonly #running = new Set<Subprocess>();
  readonly #keep: boolean;

  /** @param keep Leaves the files, and says where they are. */
  constructor(keep = false) {
    this.#keep = keep;
    if (keep) console.error(`files are in ${this.#root}`);
    for (const [signal, status] of Object.entries(endedBy)) {
      process.once(signal, () => {
        this.killAll();
        console.error(`ended by ${signal} from outside: what it would have found is not known`);
        process.exit(status);
      });
    }
    process.on("exit", () => this.killAll());
  }

  /** An empty folder that is gone after the run. */
  folder(name: string): string {
    const path = join(this.#root, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A process, with what it says on stderr kept for when it fails. */
  spawn(name: string, command: readonly string[], { env, cwd }: StartOptions = {}): Subprocess {
    const child = Bun.spawn([...command], {
      cwd: cwd ?? this.#root,
      env: { ...bareEnvironment, ...env },
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(this.#logOf(name)),
      onExit: (child) => void this.#running.delete(child),
    });
    this.#running.add(child);
    return child;
  }

  /** Starts a server and returns when its port takes connections. Throws with the end of its log when it ends instead. */
  async startServer(
    name: string,
    command: readonly string[],
    port: number,
    options?: StartOptions,
  ): Promise<Started> {
    const child = this.spawn(name, command, options);
    const late = performance.now() + 30_000;
    while (!(await takesConnections(port))) {
      if (child.exitCode !== null || performance.now() > late)
        throw new Error(`${name} did not start:\n${this.said(name)}`);
      await Bun.sleep(5);
    }
    return { pid: child.pid, port, stop: () => stop(child) };
  }

  /**
   * Runs one of this folder's programs with a JSON argument, and returns the JSON that it prints. What has no figure, such as
   * the median of no answers, is NaN: JSON writes `null` for it.
   *
   * @param through a command that runs another one, such as `nice`
   */
  async ask<T>(program: string, job: unknown, through: readonly string[] = []): Promise<T> {
    const command = [process.execPath, join(import.meta.dirname, program), JSON.stringify(job)];
    const child = Bun.spawn([...through, ...command], {
      // Without it no more than 256 calls of `fetch` are under way at a time.
      env: { ...bareEnvironment, BUN_CONFIG_MAX_HTTP_REQUESTS: "65336" },
      stdout: "pipe",
      stderr: "inherit",
      onExit: (child) => void this.#running.delete(child),
    });
    this.#running.add(child);
    const text = await new Response(child.stdout).text();
    if ((await child.exited) !== 0) throw new Error(`${program} failed`);
    return JSON.parse(text, (_, value) => (value === null ? Number.NaN : value)) as T;
  }

  /** The end of what a process has said. */
  said(name: string): string {
    return readFileSync(this.#logOf(name), "utf8").slice(-2000);
  }

  killAll(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    if (!this.#keep) rmSync(this.#root, { recursive: true, force: true });
  }

  #logOf(name: string): string {
    return join(this.#root, `${name}.log`);
  }
}

/** Does some work with processes, which are gone when it returns, however it ends. */
export async function withProcesses<T>(work: (processes: Processes) => Promise<T>): Promise<T> {
  const processes = new Processes();
  try {
    return await work(processes);
  } finally {
    processes.killAll();
  }
}

/** A port that nobody listens on. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** True if somebody listens on a port of this machine. */
export async function takesConnections(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {}, error() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

/** Asks a process to end, and makes it after five seconds. */
export async function stop(child: Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const impatient = setTimeout(() => child.kill("SIGKILL"), 5000);
  await child.exited;
  clearTimeout(impatient);
}

/** Cost of processes: processor seconds, and bytes that are resident. */
export interface Cost {
  cpu: number;
  resident: number;
}

/** Cost of a process so far, and what is resident now. */
export function costOf(pid: number): Cost {
  if (process.platform === "linux") {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before the last bracket may hold spaces; of what follows, 11 and 12 are user and system time.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
    return { cpu: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, resident: kilobytes * 1024 };
  }
  const line = Bun.spawnSync(["ps", "-o", "time=,rss=", "-p", String(pid)]).stdout.toString();
  const [time = "", kilobytes] = line.trim().split(/\s+/);
  return { cpu: secondsOf(time), resident: Number(kilobytes) * 1024 };
}

/** Does some work. Returns its result, the processor seconds that processes took meanwhile, and the most that was resident. */
export async function withCost<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ result: T; cost: Cost }> {
  const before = costOfAll(pids);
  let { resident } = before;
  const watch = setInterval(() => {
    resident = Math.max(resident, costOfAll(pids).resident);
  }, 200);
  try {
    const result = await work();
    const after = costOfAll(pids);
    return { result, cost: { cpu: after.cpu - before.cpu, resident: Math.max(resident, after.resident) } };
  } finally {
    clearInterval(watch);
  }
}

/** The sum of what several processes have cost so far. */
export function costOfAll(pids: readonly number[]): Cost {
  const costs = pids.map(costOf);
  return {
    cpu: costs.reduce((sum, { cpu }) => sum + cpu, 0),
    resident: costs.reduce((sum, { resident }) => sum + resident, 0),
  };
}

/**
 * Milliseconds for which the main thread of a process was ready to run and waited for a processor; 0 where the system does
 * not tell. Other programs cause it.
 */
export function waitedForProcessor(pid: number): number {
  try {
    const [, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
    return Number(waited) / 1e6;
  } catch {
    return 0;
  }
}

/** `USER_HZ`: what Linux shows to programs, whatever the kernel counts in. */
const ticksPerSecond = 100;

/** Seconds of `ps`'s `[[dd-]hh:]mm:ss[.cc]`. */
export function secondsOf(time: string): number {
  return time.split(/[:-]/).reduceRight(
    ({ sum, unit }, part, i, parts) => ({
      sum: sum + Number(part) * unit,
      unit: unit * (parts.length - i === 3 ? 24 : 60),
    }),
    { sum: 0, unit: 1 },
  ).sum;
}
