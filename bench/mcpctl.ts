import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { bareEnvironment, freePort, type Processes, type Started } from "./processes.ts";

/** Command that runs mcpctl: the compiled file, or the sources where there is none. */
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
  readonly #name: string;
  readonly #home: string;
  readonly #dataDir: string;

  readonly #env: Record<string, string>;
  readonly #flags: readonly string[];

  /**
   * @param name Tells two installations of one run apart.
   * @param env Variables of the server's environment, besides the bare ones.
   * @param flags More flags of the server.
   */
  constructor(
    processes: Processes,
    command: readonly string[],
    name = "mcpctl",
    env: Record<string, string> = {},
    flags: readonly string[] = [],
  ) {
    this.#env = env;
    this.#flags = flags;
    this.#processes = processes;
    this.#command = command;
    this.#name = name;
    this.#home = processes.folder(`${name}-home`);
    this.#dataDir = processes.folder(`${name}-data`);
  }

  /** Starts a server as a user would, and returns when it takes connections on its port and its socket. */
  async start(): Promise<Mcpctl> {
    const { port, command, env } = this.startCommand();
    const started = await this.#processes.startServer(this.#name, command, port, { env });
    // The socket comes after the port, and its file a moment before anybody listens there.
    while (!(await listens(this.#socketPath))) await Bun.sleep(1);
    return { ...started, socket: this.#socketPath };
  }

  /** Command that starts a server, for measuring the start. */
  startCommand(): { port: number; command: string[]; env: Record<string, string> } {
    const port = freePort();
    const listen = `127.0.0.1:${port}`;
    const command = [
      ...this.#command,
      "server",
      "--listen",
      listen,
      "--data-dir",
      this.#dataDir,
      ...this.#flags,
    ];
    return { port, command, env: { HOME: this.#home, ...this.#env } };
  }

  /** Runs a command line against the server to its end. Throws unless it succeeds. */
  run(...args: string[]): Promise<void> {
    return this.runIn({ home: this.#home }, ...args);
  }

  /** Does the same with another `~` and in a folder. */
  async runIn({ home, cwd }: { home: string; cwd?: string }, ...args: string[]): Promise<void> {
    const child = Bun.spawn([...this.#command, ...args], {
      ...(cwd !== undefined && { cwd }),
      env: { ...bareEnvironment, HOME: home, MCPCTL_SERVER: `unix://${this.#socketPath}` },
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

async function listens(path: string): Promise<boolean> {
  try {
    (await Bun.connect({ unix: path, socket: { data() {} } })).end();
    return true;
  } catch {
    return false;
  }
}

/** Names of the llms that `furnish` makes; `pooled` is a pool of four like `unstreamed`. */
export const llms = {
  unstreamed: "bench",
  streamed: "bench-streams",
  translated: "bench-translated",
  pooled: "bench-pool",
};

const poolSize = 4;

/** Makes an object, as the administrator. Returns what the API answers. */
export async function create(
  { socket }: Pick<Mcpctl, "socket">,
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  const response = await fetch(`http://localhost/api/v1/${path}`, {
    unix: socket,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** Deletes an object, as the administrator. */
export async function remove({ socket }: Pick<Mcpctl, "socket">, path: string): Promise<void> {
  const response = await fetch(`http://localhost/api/v1/${path}`, { unix: socket, method: "DELETE" });
  if (!response.ok) throw new Error(`DELETE ${path}: ${response.status} ${await response.text()}`);
}

/** Returns when the lists of an MCP server are known. Throws if it cannot be used. */
export async function untilListed({ socket }: Pick<Mcpctl, "socket">, name: string): Promise<void> {
  for (;;) {
    const response = await fetch(`http://localhost/api/v1/servers/${name}`, { unix: socket });
    const { listedAt, status, conditions } = (await response.json()) as Record<string, unknown>;
    if (listedAt !== null) return;
    if (status === "failed" || status === "backoff")
      throw new Error(`MCP server ${name}: ${JSON.stringify(conditions)}`);
    await Bun.sleep(20);
  }
}

/** Returns when an MCP server that had failed was started again, after a login. */
export async function untilTried(server: Pick<Mcpctl, "socket">, name: string): Promise<void> {
  for (;;) {
    const response = await fetch(`http://localhost/api/v1/servers/${name}`, { unix: server.socket });
    const { status } = (await response.json()) as { status: string };
    if (["ready", "backoff"].includes(status)) return;
    if (status === "failed" && (await wantsLogin(server, name))) return;
    await Bun.sleep(20);
  }
}

/** True if an MCP server waits for a login, or if calls have needed more than the last one gave. */
export async function wantsLogin({ socket }: Pick<Mcpctl, "socket">, name: string): Promise<boolean> {
  const response = await fetch(`http://localhost/api/v1/servers/${name}`, { unix: socket });
  const { authorization } = (await response.json()) as {
    authorization: { status: string; missingScopes: string[] } | null;
  };
  return (
    authorization !== null &&
    (authorization.status !== "authorized" || authorization.missingScopes.length > 0)
  );
}

/** Makes a token of the administrator's that holds some grants and nothing else, with limits if given. Returns its bearer. */
export async function createToken(
  server: Mcpctl,
  name: string,
  roleBindings: object[],
  limits?: object,
): Promise<string> {
  const { token } = await create(server, "tokens", { name, roleBindings, ...(limits && { limits }) });
  return String(token);
}

/** Limits that no run reaches: each call is counted against them. */
const wideLimits = { requestsPerMinute: 1e9, tokensPerDay: 1e15 };

/**
 * Makes what a call needs: a key, an llm for each upstream, and a token that may run llms, within wide limits, and nothing else.
 * Returns the token's bearer.
 */
export async function furnish(
  server: Mcpctl,
  upstreams: { unstreamed: number; streamed: number },
): Promise<string> {
  await create(server, "secrets", { name: "bench", data: { "api-key": "sk-bench-0123456789abcdef" } });
  const llm = (name: string, upstream: number, more: object = {}) =>
    create(server, "llms?probe=false", {
      name,
      type: "openai",
      model: "bench-model",
      url: `http://127.0.0.1:${upstream}`,
      apiKeyRef: { name: "bench", key: "api-key" },
      ...more,
    });
  await llm(llms.unstreamed, upstreams.unstreamed);
  await llm(llms.streamed, upstreams.streamed);
  await llm(llms.translated, upstreams.streamed, { type: "anthropic" });
  for (let member = 1; member <= poolSize; member++)
    await llm(`${llms.pooled}-${member}`, upstreams.unstreamed, { poolName: llms.pooled });
  return createToken(server, "bench", [{ role: "run", resource: "llms" }], wideLimits);
}
