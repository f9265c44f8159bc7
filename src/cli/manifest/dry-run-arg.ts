import type { Arg } from "../core/command.ts";

/** The flag of a verb whose change the server can check without making it. */
export const dryRunArg = {
  type: "boolean",
  description: "Let the server check it, and change nothing",
} as const satisfies Arg;
