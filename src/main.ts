import { runMain } from "./cli/core/run.ts";
import { processTerminal } from "./cli/terminal/process-terminal.ts";
import { commands } from "./commands.ts";
import { takeEnvironment } from "./proxies.ts";

const interrupt = new AbortController();
// Only once: a second Ctrl-C ends the process at once.
process.once("SIGINT", () => interrupt.abort());
const readerGone = new AbortController();

// Nothing else sets the exit code. process.exit would cut off output that a pipe has not taken yet.
process.exitCode = await runMain(process.argv.slice(2), commands, {
  terminal: processTerminal(interrupt.signal, () => readerGone.abort()),
  env: takeEnvironment(process.env),
  cwd: workingFolder(),
  signal: interrupt.signal,
  readerGone: readerGone.signal,
});

/** Returns the working folder. Of one that is deleted, the path that it had: files are missing there. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return process.env["PWD"] ?? "/nonexistent";
  }
}
