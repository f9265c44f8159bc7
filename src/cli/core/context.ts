import type { ApiClient } from "../client/client.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The flags that every verb takes, before or after it. */
export interface GlobalFlags {
  output: string | undefined;
  server: string | undefined;
  tokenFile: string | undefined;
  context: string | undefined;
  project: string | undefined;
  /** Talk to the server itself, not through the agent of this machine. */
  direct: boolean;
  /** Milliseconds. */
  timeout: number | undefined;
  verbose: boolean;
}

/** Everything that a verb is given besides its own arguments. */
export interface Context {
  terminal: Terminal;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** `~/.mcpctl`, or the folder that MCPCTL_HOME names. */
  home: string;
  flags: GlobalFlags;
  now(): number;
  /** Fires on Ctrl-C. A verb that is waiting then throws AppError `interrupted`. */
  signal: AbortSignal;
  /**
   * Returns the client of the server that the flags, the environment and the config select.
   *
   * @param instead what is used instead: a server with a token, or a file with the authorities that are trusted
   */
  client(instead?: { server: string; token?: string } | { caCert: string }): Promise<ApiClient>;
}
