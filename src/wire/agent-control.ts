import type { LinkTransport } from "./link/registration.ts";

/** What `mcpctl provider` and a running agent say to each other, on the Unix socket that only the agent's user can open. */

/** Where the agent listens, below `~/.mcpctl`. */
export const controlSocket = "agent.sock";

export const controlPaths = {
  /** GET: `ProviderReport[]`. With `/NAME/up` or `/NAME/down` behind it, POST: the `ProviderReport` when it is done. */
  providers: "/providers",
  /** GET: `AgentStatus`. */
  status: "/status",
} as const;

/** A provider of this machine, and how it is. */
export interface ProviderReport {
  name: string;
  type: string;
  model: string;
  state: "active" | "hibernating" | "waking" | "inactive";
  /** In a few words; null when there is nothing to say. */
  detail: string | null;
  /** What the server calls it; null when it is not published. */
  publishedAs: string | null;
  /** The llm of the server that it stands in for. */
  failoverFor: string | null;
  /** Calls that it is answering. */
  inFlight: number;
  /** Whether its weights are in memory; null when that cannot be told. */
  resident: boolean | null;
  /** Of the process, where the agent runs it itself. */
  pid: number | null;
}

/** The agent's process, and once it is under way how it stands with its server. */
export type AgentStatus = { pid: number } & Partial<AgentStanding>;

export interface AgentStanding {
  /** `https://llm.example.org` */
  server: string;
  /** Null while it is not attached. */
  transport: LinkTransport | null;
  /** Tasks under way. */
  tasks: number;
  draining: boolean;
  /** Where the tools of its machine call it: `http://127.0.0.1:7778/v1`; null where it serves none. */
  endpoint: string | null;
}
