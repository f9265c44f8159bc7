import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProgramOptions } from "./mcp-program.ts";
import { create, type Mcpctl } from "./mcpctl.ts";
import { freePort, type Processes, type Started } from "./processes.ts";
import type { ClientsJob, SoakTool } from "./soak-mcp-clients.ts";

type Fault = "kill" | "stop" | "delete" | "kill http" | "change";

/** Seconds; short, so that much happens in little time. */
export const times = { startSeconds: 30, callSeconds: 3 };
export const project = "soak";

/** A program that mcpctl reaches by its port. */
interface HttpProgram {
  started: Started;
  options: ProgramOptions & { port: number };
}

/** The MCP servers of a soak: every fourth one over HTTP, two that have instances for each caller, some with replicas. */
export class McpFarm {
  readonly #processes: Processes;
  readonly #mark: string;
  readonly #count: number;
  readonly #http = new Map<string, HttpProgram>();

  constructor(processes: Processes, mark: string, count: number) {
    this.#processes = processes;
    this.#mark = mark;
    this.#count = count;
  }

  async define(server: Mcpctl): Promise<void> {
    const names: string[] = [];
    for (let i = 0; i < this.#count; i++) {
      const name = `soak-${i}`;
      names.push(name);
      const source = i % 4 === 3 ? await this.#url(name, i) : this.#command(i);
      const health = { intervalSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 };
      await create(server, "servers", {
        name,
        ...source,
        ...times,
        sharing: sharingOf(i),
        ...(i % 6 === 4 && { replicas: 2 }),
        healthCheck: health,
      });
    }
    await create(server, "projects", { name: project, proxyModel: "none", servers: names });
  }

  /** Returns when all have listed their tools. */
  async listed(server: Mcpctl): Promise<void> {
    const isListed = async () => {
      const rows = await list(server, "servers");
      return rows.every((row) => Number(row["toolCount"]) > 0);
    };
    if (!(await until(isListed))) throw new Error("not all MCP servers have listed their tools");
  }

  tools(): Pick<ClientsJob, "tools" | "ownTools"> {
    const of = (isOwn: boolean): SoakTool[] =>
      Array.from({ length: this.#count }, (_, i) => i)
        .filter((i) => (sharingOf(i) === "session") === isOwn)
        .flatMap((i) => toolsOf(i).map((name, n) => ({ name, isRepeatable: n % 2 === 1 })));
    return { tools: of(false), ownTools: of(true) };
  }

  /** Makes one fault. Returns which; undefined if there was nothing to make it with. */
  async fault(server: Mcpctl, random: () => number): Promise<Fault | undefined> {
    const any = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
    const fault = any<Fault>(["kill", "kill", "stop", "delete", "kill http", "change"])!;
    if (fault === "kill http") {
      const all = [...this.#http.values()];
      const frozen = all.filter(({ started }) => isFrozen(started.pid));
      const chosen = any(frozen.length > 0 ? frozen : all);
      if (!chosen) return undefined;
      await this.#startAgain(chosen, 1000 * random());
      return fault;
    }
    if (fault === "change") {
      const i = Math.floor(random() * this.#count);
      if (i % 4 === 3) return undefined;
      await change(server, `servers/soak-${i}`, { env: [{ name: "TURN", value: String(random()) }] });
      return fault;
    }
    const instances = await list(server, "instances");
    const running = instances.filter(
      ({ pid, status }) => typeof pid === "number" && ["running", "idle"].includes(String(status)),
    );
    const instance = any(fault === "delete" ? instances : running);
    if (!instance) return undefined;
    if (fault === "delete") await remove(server, `instances/${String(instance["name"])}`);
    else kill(Number(instance["pid"]), fault === "kill" ? "SIGKILL" : "SIGSTOP");
    return fault;
  }

  /** Starts again what does not run any more of what mcpctl does not start itself. */
  async thaw(): Promise<void> {
    for (const one of this.#http.values()) if (isFrozen(one.started.pid)) await this.#startAgain(one, 0);
  }

  /** Returns the programs that a server has started, with what they have started; those over HTTP are not its own. */
  children(): MarkedProcess[] {
    const own = new Set([...this.#http.values()].map(({ started }) => started.pid));
    return processesWith(this.#mark).filter(({ pid }) => !own.has(pid));
  }

  async #startAgain(one: HttpProgram, pause: number): Promise<void> {
    kill(one.started.pid, "SIGKILL");
    await one.started.stop();
    await Bun.sleep(pause);
    one.started = await this.#start(one.options);
  }

  #command(i: number): object {
    const options: ProgramOptions = { era: eraOf(i), tools: toolsOf(i), mark: this.#mark };
    return { command: [process.execPath, program, JSON.stringify(options)], sandbox: "none" };
  }

  async #url(name: string, i: number): Promise<object> {
    const port = freePort();
    const options = { era: eraOf(i), tools: toolsOf(i), mark: this.#mark, port };
    this.#http.set(name, { started: await this.#start(options), options });
    return { url: `http://127.0.0.1:${port}/mcp` };
  }

  #start(options: ProgramOptions & { port: number }): Promise<Started> {
    const command = [process.execPath, program, JSON.stringify(options)];
    return this.#processes.startServer(`mcp-${options.port}`, command, options.port);
  }
}

const program = join(import.meta.dirname, "mcp-program.ts");

function toolsOf(i: number): string[] {
  return [`act_${i}`, `read_${i}`];
}

function eraOf(i: number): ProgramOptions["era"] {
  return i % 3 === 0 ? "legacy" : "modern";
}

function sharingOf(i: number): "shared" | "principal" | "session" {
  if (i % 10 === 1) return "principal";
  return i % 10 === 2 ? "session" : "shared";
}

export interface MarkedProcess {
  pid: number;
  /** Its command line. */
  line: string;
}

/** Returns the processes of this machine with a text in their command line, this one and its like left out. */
export function processesWith(mark: string): MarkedProcess[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .map((pid) => ({ pid, line: commandLine(pid) }))
    .filter(({ line }) => line.includes(mark));
}

export function isRunning(pid: number, mark: string): boolean {
  return commandLine(pid).includes(mark);
}

/** Returns the command line of a process; "" if it has ended. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/** True if a process was stopped with SIGSTOP. */
function isFrozen(pid: number): boolean {
  try {
    return / T /.test(readFileSync(`/proc/${pid}/stat`, "latin1").replace(/.*\)/, ""));
  } catch {
    return false;
  }
}

/** Waits for a condition. Returns false if it does not hold within a minute. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const late = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > late) return false;
    await Bun.sleep(50);
  }
  return true;
}

export function kill(pid: number, signal: "SIGKILL" | "SIGSTOP"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

async function list({ socket }: Mcpctl, path: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(`http://localhost/api/v1/${path}`, { unix: socket });
  return (await response.json()) as Record<string, unknown>[];
}

async function change({ socket }: Mcpctl, path: string, body: object): Promise<void> {
  const response = await fetch(`http://localhost/api/v1/${path}`, {
    unix: socket,
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  await response.text();
}

async function remove({ socket }: Mcpctl, path: string): Promise<void> {
  await (await fetch(`http://localhost/api/v1/${path}`, { unix: socket, method: "DELETE" })).text();
}
