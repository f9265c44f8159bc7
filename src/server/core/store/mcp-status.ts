/** A definition in a list of an MCP server, as it was sent: a tool, a prompt, a resource or a template of resources. */
export type McpDefinition = Readonly<Record<string, unknown>>;

/** A definition that was accepted. */
export interface PinnedDefinition {
  /** The SHA-256 of its canonical JSON, in hex. */
  hash: string;
  /** The accepted definition, kept while the server lists another one. */
  definition?: McpDefinition;
}

/** One fact about an MCP server, in words for people. */
export interface McpCondition {
  /** One word, such as `Unsandboxed` or `LauncherMissing`. */
  type: string;
  message: string;
}

/** The state that the server keeps with an MCP server. All of it is unset until it was started once. */
export type McpServerStatus = {
  /** `virtual`: a workstation agent publishes it, and runs it. */
  origin?: "virtual";
  /** The agent's session, of a virtual server. */
  session?: string;
  /** The names of the workstation and of the agent's version, of a virtual server. */
  workstation?: string;
  agentVersion?: string;
  /** The state that the agent of a virtual server reports. */
  reported?: "ready" | "starting" | "failed";
  /** The text of the agent of a virtual server that changes with its program. */
  source?: string;
  state?: "ready" | "starting" | "stopped" | "backoff" | "unhealthy" | "failed";
  conditions?: McpCondition[];
  /** Its lists when it was last asked, with all pages. They stay when it stops. */
  tools?: McpDefinition[];
  prompts?: McpDefinition[];
  resources?: McpDefinition[];
  resourceTemplates?: McpDefinition[];
  /** The text that it gives to models. */
  instructions?: string;
  /** The revision of MCP that it speaks: `2026-07-28`. */
  protocol?: string;
  /** The time of these lists, RFC 3339. */
  listedAt?: string;
  /**
   * The accepted definitions, by `tool/NAME`, `prompt/NAME` or `instructions`. Unset when its fields were changed: the
   * next lists are then accepted as they are.
   */
  baseline?: Record<string, PinnedDefinition>;
};

/** The state of one instance of an MCP server. Times are RFC 3339. */
export type InstanceStatus = {
  /** The name of the MCP server. */
  server: string;
  /** The name of the mcpctl server that runs it. */
  node: string;
  state: "starting" | "running" | "idle" | "backoff" | "failed" | "unhealthy" | "stopped";
  sandbox?: string;
  pid?: number;
  container?: string;
  restarts?: number;
  startedAt?: string;
  lastUsedAt?: string;
  memoryMb?: number;
  protocol?: string;
  error?: string;
};
