import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ExecPolicy } from "./exec-policy.ts";

/**
 * The file of this program, for a process that it starts. After an upgrade the path names another file or none, and
 * `process.execPath` ends in " (deleted)"; this name is that of the running one for as long as it runs (failure mode 237).
 */
export const ownProgram: string = existsSync("/proc/self/exe") ? "/proc/self/exe" : process.execPath;

/** The command line of this program, as a compiled file or from its sources. */
function ownCommand(): string[] {
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  return isCompiled ? [ownProgram] : [ownProgram, join(import.meta.dirname, "../../../main.ts")];
}

/** Returns the command line that gives up the rights of a policy and becomes the given program. */
export function execCommand(
  policy: ExecPolicy,
  argv: readonly string[],
): [program: string, ...args: string[]] {
  const words = [...ownCommand(), "internal", "sandbox-exec", JSON.stringify(policy), "--", ...argv];
  return words as [string, ...string[]];
}
