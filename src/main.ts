import { runMain } from "./cli/core/run.ts";
import { processTerminal } from "./cli/terminal/process-terminal.ts";
import { commands } from "./commands.ts";

const interrupt = new AbortController();
// Once: who presses Ctrl-C again wants the process gone.
process.once("SIGINT", () => interrupt.abort());

// The only place that says how the process ends, and not by process.exit: that cuts what a pipe has yet to take.
process.exitCode = await runMain(process.argv.slice(2), commands, {
  terminal: processTerminal(interrupt.signal, () => interrupt.abort()),
  env: process.env,
  cwd: process.cwd(),
  signal: interrupt.signal,
});
