import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { bareEnvironment, freePort, type Processes, type Started } from "./processes.ts";

/** How mcpctl is called: the compiled file, or the sources where there is none. */
export function mcpctlCommand(file?: string): string[] {
  if (file !== undefined) return [resolve(file)];
  const root = join(import.meta.dirname, "..");
  const binary = join(root, "dist/mcpctl");
  return existsSync(binary) ? [binary] : [process.execPath, join(root, "src/main.ts")];
}

export interface Mcpctl extends Started {
  /** Path of the Unix socket: who can open it is the administrator. */
  socket: string;
}

/** One data directory, and servers over it. */
export class Installation {
  readonly #processes: Processes;
  readonly #command: readonly string[];
  readonly #home: string;
  readonly #dataDir: string;

  constructor(processes: Processes, command: readonly string[]) {
    this.#processes = processes;
    this.#command = command;
    this.#home = processes.folder("home");
    this.#dataDir = processes.folder("data");
  }

  /** Starts a server as a user would, and returns when it takes connections on its port and its socket. */
  async start(): Promise<Mcpctl> {
    const { port, command, env } = this.startCommand();
    const started = await this.#processes.startServer("mcpctl", command, port, { env });
    // The socket comes after the port.
    while (!existsSync(this.#socketPath)) await Bun.sleep(1);
    return { ...started, socket: this.#socketPath };
  }

  /** What starts a server, for who wants to watch it start. */
  startCommand(): { port: number; command: string[]; env: Record<string, string> } {
    const port = freePort();
    const listen = `127.0.0.1:${port}`;
    const command = [...this.#command, "server", "--listen", listen, "--data-dir", this.#dataDir];
    return { port, command, env: { HOME: this.#home } };
  }

  /** Runs a command line against the server to its end. Throws unless it succeeds. */
  async run(...args: string[]): Promise<void> {
    const child = Bun.spawn([...this.#command, ...args], {
      env: { ...bareEnvironment, HOME: this.#home, MCPCTL_SERVER: `unix://${this.#socketPath}` },
      stdout: "ignore",
      stderr: "pipe",
    });
    if ((await child.exited) !== 0)
      throw new Error(`mcpctl ${args.join(" ")}: ${await new Response(child.stderr).text()}`);
  }

  get #socketPath(): string {
    return join(this.#dataDir, "mcpctl.sock");
  }
}

/** Names of the llms that `furnish` makes. */
export const llms = { unstreamed: "bench", streamed: "bench-streams" };

/**
 * Makes what a call needs: a key, an llm for each upstream, and a token that may run llms and nothing else.
 * Returns the token's bearer.
 */
export async function furnish(
  { socket }: Mcpctl,
  upstreams: { unstreamed: number; streamed: number },
): Promise<string> {
  const post = async (path: string, body: object) => {
    const response = await fetch(`http://localhost/api/v1/${path}`, {
      unix: socket,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  await post("secrets", { name: "bench", data: { "api-key": "sk-bench-0123456789abcdef" } });
  for (const kind of ["unstreamed", "streamed"] as const) {
    await post("llms?probe=false", {
      name: llms[kind],
      type: "openai",
      model: "bench-model",
      url: `http://127.0.0.1:${upstreams[kind]}`,
      apiKeyRef: { name: "bench", key: "api-key" },
    });
  }
  const { token } = await post("tokens", {
    name: "bench",
    roleBindings: [{ role: "run", resource: "llms" }],
  });
  return String(token);
}
