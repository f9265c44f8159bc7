import type { Time } from "../../time.ts";
import type { WakeRecipe } from "../core/config.ts";
import type { Log } from "../core/log.ts";
import { type Attempt, failed } from "./wake.ts";

/** Milliseconds between the request to stop and the end by force. */
const graceMs = 2_000;
/** A longer line of output is cut. */
const maxLine = 1_000;

export interface CommandOptions {
  /** For the log. */
  name: string;
  /** What the command sees of the environment, besides credentials of ours, which it does not. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  log: Log;
  time: Time;
}

/**
 * Begins a wake by a command: without a shell, with nothing put into its arguments, in a process group of its own. What
 * it prints goes to the agent's log alone. Exit code 0 is success. One that still runs when the server is ready is left
 * to it: it may be the server.
 */
export function wakeByCommand(
  { command, args }: Extract<WakeRecipe, { type: "command" }>,
  { name, env, cwd, log, time }: CommandOptions,
): Attempt {
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([command, ...args], {
      cwd,
      env: withoutCredentials(env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // A group of its own, so that what it starts can be ended with it.
      detached: true,
    });
  } catch (error) {
    log.warn(`the wake command of ${name} cannot be run: ${(error as Error).message}`);
    return { done: Promise.reject(failed("the wake command cannot be run")), async end() {} };
  }
  for (const stream of [child.stdout, child.stderr])
    void logLines(stream, (line) => log.info(`${name}: ${line}`));
  let isEmpty = false;
  const exited = child.exited.then((code) => {
    // From now on the number may become another group's.
    isEmpty = !signalGroup(child.pid, 0);
    return code;
  });
  return {
    done: exited.then((code) => {
      if (code !== 0) throw failed(`the wake command ended with ${child.signalCode ?? `exit code ${code}`}`);
    }),
    async end() {
      if (isEmpty || !signalGroup(child.pid, "SIGTERM")) return;
      await groupGone(child.pid, time);
      isEmpty = true;
    },
  };
}

/** Waits for a group to end, and ends it by force when it takes too long. */
async function groupGone(pid: number, time: Time): Promise<void> {
  const step = 50;
  for (let waited = 0; waited < graceMs; waited += step) {
    if (!signalGroup(pid, 0)) return;
    await new Promise<void>((over) => time.after(step, over));
  }
  signalGroup(pid, "SIGKILL");
}

/** False when the group has nobody in it any more. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // What is left of it belongs to somebody else: not ours to end.
    if ((error as { code?: string }).code === "EPERM") return false;
    if ((error as { code?: string }).code !== "ESRCH") throw error;
    return false;
  }
}

/** Ours are for the server, not for what a recipe runs. */
function withoutCredentials(env: CommandOptions["env"]): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !/^(MCPCTL|MCPD)_/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

async function logLines(stream: ReadableStream<Uint8Array>, tell: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  const flush = (text: string) => {
    // A line of somebody else's must not move the cursor of whoever reads the log (T42).
    const line = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ").trim();
    if (line !== "") tell(line.slice(0, maxLine));
  };
  try {
    for await (const bytes of stream) {
      rest += decoder.decode(bytes, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop()!.slice(-maxLine);
      for (const line of lines) flush(line);
    }
  } catch {
    // The pipe broke: nothing more is said.
  }
  flush(rest);
}
