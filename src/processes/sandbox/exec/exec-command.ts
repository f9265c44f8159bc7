import { join } from "node:path";
import type { ExecPolicy } from "./exec-policy.ts";

/** The command line of this program, as a compiled file or from its sources. */
function ownCommand(): string[] {
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  return isCompiled ? [process.execPath] : [process.execPath, join(import.meta.dirname, "../../../main.ts")];
}

/** Returns the command line that gives up the rights of a policy and becomes the given program. */
export function execCommand(
  policy: ExecPolicy,
  argv: readonly string[],
): [program: string, ...args: string[]] {
  const words = [...ownCommand(), "internal", "sandbox-exec", JSON.stringify(policy), "--", ...argv];
  return words as [string, ...string[]];
}
