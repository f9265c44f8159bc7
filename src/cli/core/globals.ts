import { AppError } from "../../errors.ts";
import type { Args, Value } from "./command.ts";
import type { GlobalFlags } from "./context.ts";

/** The flags that every verb takes, before or after it. */
export const globalArgs = {
  output: {
    type: "string",
    alias: "o",
    valueHint: "FORMAT",
    description: "Output format: table|wide|json|yaml|name|jsonpath=EXPR|custom-columns=…",
  },
  server: {
    type: "string",
    valueHint: "URL",
    description: "The server: http://…, https://… or unix:///path/to/mcpctl.sock",
  },
  "daemon-url": {
    type: "string",
    valueHint: "URL",
    hidden: true,
    description: "The name of --server in earlier versions",
  },
  "token-file": { type: "string", valueHint: "FILE", description: "Read the token from this file" },
  context: { type: "string", valueHint: "NAME", description: "Use this context of the config" },
  direct: { type: "boolean", description: "Call the server itself, not through the agent of this machine" },
  project: {
    type: "string",
    alias: "p",
    valueHint: "NAME",
    description: "Look names up in this project",
  },
  timeout: { type: "string", valueHint: "TIME", description: "Give up after this time: 30s, 5m" },
  color: {
    type: "enum",
    options: ["auto", "always", "never"],
    description: "Colour the output (default auto)",
  },
  verbose: { type: "boolean", alias: "v", description: "Show every request, and stack traces of defects" },
  help: { type: "boolean", alias: "h", description: "Show help" },
} as const satisfies Args;

/** Picks the global flags from parsed values. Throws AppError `usage`. */
export function globalFlags(values: Readonly<Record<string, Value>>): GlobalFlags {
  const text = (name: keyof typeof globalArgs) => values[name] as string | undefined;
  const timeout = text("timeout");
  return {
    output: text("output"),
    server: text("server") ?? text("daemon-url"),
    tokenFile: text("token-file"),
    context: text("context"),
    project: text("project"),
    direct: values["direct"] === true,
    timeout: timeout === undefined ? undefined : someDuration("--timeout", timeout),
    verbose: values["verbose"] === true,
  };
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of `500ms`, `30s`, `5m`, `1h`, `30d`, or of a number of seconds. Throws AppError `usage`.
 *
 * @param flag its name, for the error
 */
export function duration(flag: string, text: string): number {
  const [, count, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (count === undefined)
    throw new AppError("usage", `${flag}: "${text}" is not a duration`, { hint: "write 30s, 5m or 1h" });
  return Number(count) * units[unit as keyof typeof units];
}

/** A `duration` that is more than 0. */
export function someDuration(flag: string, text: string): number {
  const time = duration(flag, text);
  if (time > 0) return time;
  throw new AppError("usage", `${flag} must be more than 0`, { hint: "write 30s, 5m or 1h" });
}

/** True if a stream is coloured. `--color` decides first, then NO_COLOR and CLICOLOR_FORCE, then if it is a terminal. */
export function wantsColor(
  choice: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  if (choice === "always") return true;
  if (choice === "never" || env["NO_COLOR"]) return false;
  if (env["CLICOLOR_FORCE"] && env["CLICOLOR_FORCE"] !== "0") return true;
  return isTerminal && env["TERM"] !== "dumb";
}
