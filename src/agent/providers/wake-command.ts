import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../log.ts";
import { type OutputFile, openOutputFile } from "../../processes/output-file.ts";
import type { ProcessGroup } from "../../processes/process-group.ts";
import { signalGroup } from "../../processes/signals.ts";
import { startDetached } from "../../processes/start.ts";
import type { Time } from "../../time.ts";
import { oneLine } from "../../wire/text.ts";
import type { WakeRecipe } from "../core/config.ts";
import { type WakeAttempt, wakeError } from "./wake.ts";

/** Milliseconds. */
const timeouts = { grace: 2_000, kill: 2_000 };
/** Milliseconds between two looks at the output. */
const readMs = 250;
/** A longer line of output is cut, in characters. */
const longestLine = 1_000;

export interface CommandOptions {
  /** Name of the provider, for the log. */
  name: string;
  /** Environment of the command; mcpctl's own credentials are taken out of it. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** `~/.mcpctl`. The output of the command goes to a file there. */
  home: string;
  log: Log;
  time: Time;
}

/**
 * Begins a wake by a command: without a shell, with nothing put into its arguments, in a process group of its own. Its
 * output goes to a private file and from there to the agent's log. With a pipe, a process that outlives the command would
 * keep the agent from ending, and would break with the agent. Exit code 0 is success. A command that still runs when the
 * model's server is ready goes on: it may be that server.
 */
export function wakeByCommand(
  { command, args }: Extract<WakeRecipe, { type: "command" }>,
  { name, env, cwd, home, log, time }: CommandOptions,
): WakeAttempt {
  let output: OutputFile | undefined;
  let group: ProcessGroup;
  try {
    output = outputOf(name, home, log);
    group = startDetached({
      argv: [command, ...args],
      cwd,
      env: withoutCredentials(env),
      name: `the wake command of ${name}`,
      restStays: true,
      output: output.descriptor,
      ...{ timeouts, time },
    });
  } catch (error) {
    output?.close();
    log.warn(`the wake command of ${name} cannot be run: ${(error as Error).message}`);
    return { done: Promise.reject(wakeError("the wake command cannot be run")), async end() {} };
  }
  const printed = printOutput(output, group, (line) => log.info(`${name}: ${line}`));
  return {
    done: group.exited.then(({ code, signal }) => {
      printed();
      if (code !== 0) throw wakeError(`the wake command ended with ${signal ?? `exit code ${code}`}`);
    }),
    async end() {
      await group.stop().catch((error: Error) => log.warn(error.message));
    },
  };
}

/** Opens the file for the output. Where it cannot be written, the output is lost, and the command runs all the same. */
function outputOf(name: string, home: string, log: Log): OutputFile {
  const folder = join(home, "wake");
  const path = join(folder, `${encodeURIComponent(name)}.log`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openOutputFile(path, { empty: true });
  } catch (error) {
    log.warn(`the output of the wake command of ${name} is not kept: ${(error as Error).message}`);
    return openOutputFile("/dev/null", { empty: false });
  }
}

/**
 * Prints the lines of a command's output while it runs, and keeps the file small while a process of it is left.
 *
 * @returns a function that prints the last lines, for the end of the command
 */
function printOutput(output: OutputFile, group: ProcessGroup, print: (line: string) => void): () => void {
  const printNew = (rest: readonly string[] = []) => {
    // A line of another program must not move the cursor of a reader of the log (T42).
    const lines = [...output.newLines(), ...rest].map((line) => oneLine(line, longestLine));
    for (const line of lines) if (line !== "") print(line);
  };
  const timer = setInterval(() => {
    if (!group.hasExited) printNew();
    output.trim();
    if (!group.hasExited || signalGroup(group.pid, 0)) return;
    clearInterval(timer);
    output.close();
  }, readMs);
  timer.unref();
  return () => {
    printNew();
    printNew([output.rest()]);
  };
}

/** Removes variables with mcpctl's credentials, which are for the server only. */
function withoutCredentials(env: CommandOptions["env"]): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !/^(MCPCTL|MCPD)_/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}
