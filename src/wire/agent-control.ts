import type { LinkTransport } from "./link/registration.ts";

/**
 * The interface of a running agent for `mcpctl provider`: HTTP on a Unix socket that only the agent's user can open.
 */

/** The file of the socket, below `~/.mcpctl`. */
export const controlSocket = "agent.sock";

export const controlPaths = {
  /**
   * GET returns `ProviderReport[]`. POST to `/NAME/up` or `/NAME/down` below it returns a `ProviderReport` at the end.
   */
  providers: "/providers",
  /** GET returns `AgentStatus`. */
  status: "/status",
} as const;

/** A provider of this machine and its state. */
export interface ProviderReport {
  name: string;
  type: string;
  model: string;
  state: "active" | "hibernating" | "waking" | "inactive";
  /** A short explanation of the state; null if there is none. */
  detail: string | null;
  /** The name of its llm on the server; null if it is not published. */
  publishedAs: string | null;
  /** The llm of the server that it replaces while the server cannot serve it. */
  failoverFor: string | null;
  /** Calls under way. */
  inFlight: number;
  /** True if its weights are in memory; null if that is unknown. */
  resident: boolean | null;
  /** The process id, if the agent runs the provider itself. */
  pid: number | null;
}

/** The state of the agent. Only `pid` is known until the agent has started. */
export type AgentStatus = { pid: number } & Partial<AgentStanding>;

export interface AgentStanding {
  /** `https://llm.example.org` */
  server: string;
  /** Null while the agent is not attached to its server. */
  transport: LinkTransport | null;
  /** Tasks under way. */
  tasks: number;
  draining: boolean;
  /**
   * The entries that the server has registered, as `providers/NAME`, `agents/NAME` or `mcpServers/NAME` with their
   * published names. An agent of an older version leaves it out.
   */
  published?: readonly string[];
  /** The entries that the server refuses, in the same form, with its reasons. */
  refused?: Readonly<Record<string, string>>;
  /** The base URL for tools of this machine, for example `http://127.0.0.1:7778/v1`; null if there is none. */
  endpoint: string | null;
}
