import type { EndSignal } from "../../end-signal.ts";
import type { SandboxWord } from "../../kinds/mcp-settings.ts";
import type { JsonObject, RpcNotification, RpcRequest } from "../../mcp/messages.ts";
import type { McpCallRequest } from "../../wire/link/mcp-calls.ts";
import type { PublishedMcpServer } from "../../wire/link/registration.ts";

/** An MCP server of the config: a program that the agent runs, or one that this machine can reach. */
export interface McpServerConfig {
  name: string;
  /** True if it is registered at the server. */
  publish: boolean;
  /** Its name on the server; `name` when left out. */
  publishName?: string;
  description?: string;
  visibility?: "public" | "private";
  source: McpSource;
  /** Variables of the environment of its program. */
  env: Record<string, string>;
  /** Files and folders that its program can read, and those that it can also change. Absolute. */
  readable: string[];
  writable: string[];
  /** False: its program has no network. */
  network: boolean;
  sandbox: SandboxWord;
  /** After so many minutes without a call it is stopped; the next call starts it. 0: never. */
  idleMinutes: number;
  /** The longest that its start may take. */
  startSeconds: number;
}

export type McpSource =
  | { command: string[]; args: string[] }
  | { package: string; args: string[] }
  | { image: string; args: string[] }
  | { url: string; headers: Record<string, string> };

/** The other side of a call: what the MCP server sends meanwhile. */
export interface McpCallEvents {
  signal: AbortSignal;
  onNotification(notification: RpcNotification): void;
  /** Asks the client. Throws RpcError if it refuses. */
  ask(request: RpcRequest, signal: EndSignal): Promise<JsonObject>;
}

/** An MCP server of the config, which can be called. */
export interface LocalMcpServer {
  readonly config: McpServerConfig;
  /**
   * Calls it, and starts it if it does not run.
   *
   * @throws RpcError with which it answered; McpFailure if it gives no answer; McpStartError if it does not start
   */
  call(request: McpCallRequest, events: McpCallEvents): Promise<JsonObject>;
  /** Returns its entry in a registration. */
  published(): PublishedMcpServer;
  /** Starts it: `mcpctl provider NAME up`. Throws AppError `unavailable` with the reason. */
  start(): Promise<void>;
  /** Stops it until the next call: `mcpctl provider NAME down`. */
  stop(): Promise<void>;
  /** Returns the report for `mcpctl provider`. */
  describe(): {
    state: "running" | "stopped" | "starting" | "failed";
    detail: string | null;
    pid: number | null;
    inFlight: number;
  };
}

/** The MCP server did not start, so that it has not got the call. */
export class McpStartError extends Error {
  /** Seconds. */
  readonly retryAfter: number;

  constructor(message: string, retryAfter: number) {
    super(message);
    this.name = "McpStartError";
    this.retryAfter = retryAfter;
  }
}

/** The MCP servers of the current config. */
export interface McpServerSet {
  readonly all: readonly LocalMcpServer[];
  /** Returns the MCP server that is published under a name. */
  published(name: string): LocalMcpServer | undefined;
  /** Calls `listener` when what is published has changed. Returns a function that ends that. */
  onChange(listener: () => void): () => void;
  /** Ends all of them. What the agent has started is gone when this returns. */
  close(): Promise<void>;
}
