import { AppError } from "../errors.ts";

/** How a process ended: one of the two. */
export interface Ending {
  code: number | null;
  signal: string | null;
}

/** A command that runs in a process group of its own. */
export interface GroupProcess {
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when the process is gone, and with it all that is left of its group. */
  readonly ended: Promise<Ending>;
  /** The last of what it wrote to stderr. */
  stderr(): string;
  /** Ends the whole group: asks with SIGTERM, and kills what is there 2 s later. Resolves as `ended` does. */
  stop(): Promise<Ending>;
}

export interface GroupOptions {
  /** The command, and its arguments as they are: no shell reads them (T10). */
  argv: [command: string, ...string[]];
  cwd: string;
  /** All of the environment (T30). */
  env: Record<string, string>;
  /** Written to stdin, which is then closed. */
  stdin: string;
}

/** How long a group may take to leave, in milliseconds. */
const patience = 2000;

/** How much of stderr is kept, in bytes. */
const keptBytes = 16 * 1024;

const missing: Readonly<Record<string, string>> = {
  ENOENT: "there is no gemini command on this server",
  EACCES: "the gemini command on this server cannot be run",
};

/** The error for a command that cannot be started. `code` is the system's. */
export function cannotStart(code: unknown, cause?: unknown): AppError {
  const message = missing[String(code)];
  if (message === undefined)
    return new AppError("unavailable", "the gemini command cannot be started now", { cause, retryAfter: 5 });
  return new AppError("not_supported", message, {
    hint: "whoever runs the server: npm install -g @google/gemini-cli, or MCPCTL_GEMINI_COMMAND=<its path>",
    cause,
  });
}

/** Starts a command. Throws AppError `not_supported` for one that is not there, `unavailable` for other causes. */
export function startGroup({ argv, cwd, env, stdin }: GroupOptions): GroupProcess {
  const child = spawned(argv, cwd, env, stdin);
  const tail = new Tail();
  const drained = drain(child.stderr, tail);
  let killing: ReturnType<typeof setTimeout> | undefined;
  const ended = child.exited.then(async () => {
    clearTimeout(killing);
    // What the process started may outlive it, and hold its output open.
    signalGroup(child.pid, "SIGKILL");
    await Promise.race([drained, Bun.sleep(100)]);
    return { code: child.exitCode, signal: child.signalCode === null ? null : String(child.signalCode) };
  });
  return {
    stdout: child.stdout,
    ended,
    stderr: () => tail.text(),
    stop() {
      if (killing !== undefined || child.exitCode !== null || child.signalCode !== null) return ended;
      signalGroup(child.pid, "SIGTERM");
      killing = setTimeout(() => signalGroup(child.pid, "SIGKILL"), patience);
      return ended;
    },
  };
}

function spawned(argv: string[], cwd: string, env: Record<string, string>, stdin: string) {
  try {
    return Bun.spawn(argv, {
      cwd,
      env,
      stdin: Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  } catch (cause) {
    throw cannotStart((cause as { code?: unknown }).code, cause);
  }
}

/** The group has the number of the process that leads it. It may be gone already. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {}
}

/** The last bytes of a stream. */
class Tail {
  #parts: Uint8Array[] = [];
  #length = 0;

  push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    while (this.#length - this.#parts[0]!.length >= keptBytes) this.#length -= this.#parts.shift()!.length;
  }

  text(): string {
    return Buffer.concat(this.#parts).subarray(-keptBytes).toString("utf8");
  }
}

async function drain(stream: ReadableStream<Uint8Array>, tail: Tail): Promise<void> {
  for await (const bytes of stream) tail.push(bytes);
}
