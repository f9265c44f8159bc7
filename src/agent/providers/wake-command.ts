import type { Log } from "../../log.ts";
import { LineSplitter } from "../../processes/line-splitter.ts";
import { type PipedProcess, startPiped } from "../../processes/piped-process.ts";
import type { Time } from "../../time.ts";
import { oneLine } from "../../wire/text.ts";
import type { WakeRecipe } from "../core/config.ts";
import { type WakeAttempt, wakeError } from "./wake.ts";

/** Milliseconds. */
const timeouts = { grace: 2_000, kill: 2_000 };
/** A longer line of output is cut, in characters. */
const longestLine = 1_000;

export interface CommandOptions {
  /** Name of the provider, for the log. */
  name: string;
  /** Environment of the command; mcpctl's own credentials are taken out of it. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  log: Log;
  time: Time;
}

/**
 * Begins a wake by a command: without a shell, with nothing put into its arguments, in a process group of its own. Its
 * output goes to the agent's log alone. Exit code 0 is success. A command that still runs when the model's server is
 * ready goes on: it may be that server.
 */
export function wakeByCommand(
  { command, args }: Extract<WakeRecipe, { type: "command" }>,
  { name, env, cwd, log, time }: CommandOptions,
): WakeAttempt {
  const print = (lines: string[]) => {
    // A line of another program must not move the cursor of a reader of the log (T42).
    const plain = lines.map((line) => oneLine(line, longestLine)).filter((line) => line !== "");
    for (const line of plain) log.info(`${name}: ${line}`);
  };
  const errors = new LineSplitter({ separator: /\n/, longest: longestLine });
  let child: PipedProcess;
  try {
    child = startPiped({
      argv: [command, ...args],
      cwd,
      env: withoutCredentials(env),
      name: `the wake command of ${name}`,
      restStays: true,
      onStderr: (bytes) => print(errors.push(bytes)),
      ...{ timeouts, time },
    });
  } catch (error) {
    log.warn(`the wake command of ${name} cannot be run: ${(error as Error).message}`);
    return { done: Promise.reject(wakeError("the wake command cannot be run")), async end() {} };
  }
  child.endInput();
  void child.closed.then(() => print([errors.end()]));
  void printOutput(child.stdout, print);
  return {
    done: child.group.exited.then(({ code, signal }) => {
      if (code !== 0) throw wakeError(`the wake command ended with ${signal ?? `exit code ${code}`}`);
    }),
    async end() {
      await child.group.stop().catch((error: Error) => log.warn(error.message));
    },
  };
}

async function printOutput(
  output: ReadableStream<Uint8Array>,
  print: (lines: string[]) => void,
): Promise<void> {
  const lines = new LineSplitter({ separator: /\n/, longest: longestLine });
  try {
    for await (const bytes of output) print(lines.push(bytes));
  } catch {
    // The pipe broke: there is no more output.
  }
  print([lines.end()]);
}

/** Removes variables with mcpctl's credentials, which are for the server only. */
function withoutCredentials(env: CommandOptions["env"]): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !/^(MCPCTL|MCPD)_/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}
