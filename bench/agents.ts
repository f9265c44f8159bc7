import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { createToken, type Mcpctl } from "./mcpctl.ts";
import { freePort, type Processes, type Started, stop } from "./processes.ts";

/** A model that an agent publishes for everybody. */
export interface Published {
  /** On the server. */
  name: string;
  /** Says how far its tokens are apart: `every-10ms`. */
  model: string;
  poolName?: string;
}

/** A workstation: its agent's folder, which outlives the agent. */
export class Workstation {
  readonly name: string;
  readonly #processes: Processes;
  readonly #command: readonly string[];
  readonly #home: string;
  readonly #env: Record<string, string>;
  #child: Subprocess | undefined;

  /**
   * @param command how mcpctl is called
   * @param server where the agent finds it: the port of the server, or of a proxy in front of it
   * @param model the port of the model on this machine
   */
  constructor(
    processes: Processes,
    command: readonly string[],
    { name, server, bearer, model, publishes }: WorkstationOptions,
  ) {
    this.name = name;
    this.#processes = processes;
    this.#command = command;
    this.#home = processes.folder(name);
    this.#env = {
      HOME: this.#home,
      MCPCTL_HOME: this.#home,
      MCPCTL_SERVER: `http://127.0.0.1:${server}`,
      MCPCTL_TOKEN: bearer,
    };
    const providers = publishes.map((published) => ({
      ...published,
      type: "openai",
      url: `http://127.0.0.1:${model}`,
      publish: true,
      visibility: "public",
    }));
    writeFileSync(join(this.#home, "config.json"), JSON.stringify({ llm: { providers } }), { mode: 0o600 });
  }

  /** Starts the agent. It may take a while until its models can be called: `published`. */
  start(): void {
    this.#child = this.#processes.spawn(this.name, [...this.#command, "agent", "--listen", "none"], {
      env: this.#env,
    });
  }

  /** Ends it with -9, and returns when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
    this.#child = undefined;
  }

  async stop(): Promise<void> {
    if (this.#child) await stop(this.#child);
    this.#child = undefined;
  }

  /** The end of its log. */
  readonly said = () => this.#processes.said(this.name);

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.exitCode === null ? this.#child.pid : undefined;
  }
}

export interface WorkstationOptions {
  name: string;
  server: number;
  bearer: string;
  model: number;
  publishes: readonly Published[];
}

/** Starts the model that all workstations share. */
export function startLocalModel(processes: Processes): Promise<Started> {
  const port = freePort();
  const command = [process.execPath, join(import.meta.dirname, "local-model.ts"), JSON.stringify({ port })];
  return processes.startServer("local-model", command, port);
}

/** A bearer with which an agent may publish. */
export function publisher(server: Mcpctl): Promise<string> {
  return createToken(server, "publisher", [{ role: "expose", resource: "llms" }]);
}

/**
 * Returns when the models of all these workstations can be called; each has one, of its own name. Throws with the end
 * of an agent's log when its model still cannot after a while, in milliseconds.
 */
export async function published(
  { socket }: Mcpctl,
  stations: readonly Workstation[],
  patience = 20_000,
): Promise<void> {
  const late = performance.now() + patience;
  for (const { name, said } of stations) {
    while (true) {
      const response = await fetch(`http://localhost/api/v1/llms/${name}`, { unix: socket });
      const text = await response.text();
      if (response.ok && (JSON.parse(text) as { status: string }).status === "active") break;
      if (performance.now() > late)
        throw new Error(`llm ${name} is not there: ${text.slice(0, 300)}\n${said()}`);
      await Bun.sleep(20);
    }
  }
}
