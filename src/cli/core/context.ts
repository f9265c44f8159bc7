import type { ApiClient } from "../client/client.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Flags every verb takes, before or after it. */
export interface GlobalFlags {
  output: string | undefined;
  server: string | undefined;
  tokenFile: string | undefined;
  context: string | undefined;
  project: string | undefined;
  /** Talk to the server itself, not through an agent of this machine. */
  direct: boolean;
  /** Milliseconds. */
  timeout: number | undefined;
  verbose: boolean;
}

/** What a command gets besides its own arguments. */
export interface Context {
  terminal: Terminal;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** `~/.mcpctl`, or what MCPCTL_HOME says. */
  home: string;
  flags: GlobalFlags;
  now(): number;
  /** Fires on Ctrl-C. What waits ends with AppError `interrupted`. */
  signal: AbortSignal;
  /** The client for the server these flags, this environment and this config point at. */
  client(): Promise<ApiClient>;
}
