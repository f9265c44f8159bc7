/** A model that an agent publishes. */
export interface PublishedProvider {
  name: string;
  /** An llm type. It decides the dialect of the provider. */
  type: string;
  /** The provider's name for the model. */
  model: string;
  tier?: "fast" | "heavy";
  description?: string;
  poolName?: string;
  /** Used when the llm is first created, and ignored later; `private` by default. */
  visibility?: "public" | "private";
  /** From revision 3 on, an llm without it is inactive until its agent reports a status; before, it was active. */
  initialStatus?: "active" | "hibernating";
  /** Free-form facts about the model, for example `{contextLength: 32768}`. */
  capabilities?: Record<string, unknown>;
}

/** A persona that an agent publishes. */
export interface PublishedPersona {
  name: string;
  /** A published llm, or an llm of the server that the publisher may see. */
  llmName: string;
  description?: string;
  systemPrompt?: string;
  project?: string;
  defaultParams?: Record<string, unknown>;
  extras?: Record<string, unknown>;
  visibility?: "public" | "private";
}

/** An MCP server that an agent publishes. The agent alone decides which program that is. */
export interface PublishedMcpServer {
  name: string;
  description?: string;
  /** Used when it is first created, and ignored later; `private` by default. */
  visibility?: "public" | "private";
  /** `ready`: a call can be made, and starts it if need be; `starting`: it has not listed yet; `failed`: it does not start. */
  status: "ready" | "starting" | "failed";
  /**
   * A text that is the same as long as its program and arguments are. When it changes, so may the definitions of its
   * tools.
   */
  source?: string;
  /** Its lists as it sends them; left out while they are not known. */
  listing?: PublishedListing;
}

/** The lists of an MCP server. */
export interface PublishedListing {
  tools: Record<string, unknown>[];
  prompts: Record<string, unknown>[];
  resources: Record<string, unknown>[];
  resourceTemplates: Record<string, unknown>[];
  instructions?: string;
  /** The revision of MCP that it speaks. */
  protocol?: string;
}

/** The largest number of characters of one listing, and of all listings of an agent, as JSON. */
export const listingLimits = { one: 1024 * 1024, all: 3 * 1024 * 1024 };

/** The body of a register call. The server ignores unknown fields: the agent may be newer than the server. */
export interface RegisterRequest {
  /**
   * The session that the agent had before. It is a name, not a credential: the server answers the id of another
   * principal or of another machine with a new session.
   */
  providerSessionId?: string;
  /** The number of the protocol revision that the agent speaks; the oldest one if it is not given. */
  protocol?: number;
  /** A random id of the agent's process. */
  bootId?: string;
  /** A random id of the machine. */
  machineId?: string;
  /** The name of the workstation, for people: that of its host, or of its config. */
  workstation?: string;
  /** The version of the agent. */
  agentVersion?: string;
  providers: PublishedProvider[];
  agents?: PublishedPersona[];
  mcpServers?: PublishedMcpServer[];
}

/** The response to a register call. */
export interface RegisterResponse {
  providerSessionId: string;
  epoch: number;
  leaseMs: number;
  heartbeatMs: number;
  transports: LinkTransport[];
  /** The published llms, as the API shows them. */
  llms: Record<string, unknown>[];
  /** The published personas, as the API shows them. */
  agents: Record<string, unknown>[];
  /** The published MCP servers, as the API shows them. A server that knows none leaves it out. */
  mcpServers?: Record<string, unknown>[];
}

/** `sse`: server-sent events to the agent, and POSTs to the server. */
export type LinkTransport = "websocket" | "sse";

/** The body of a heartbeat call. */
export interface HeartbeatRequest {
  providerSessionId: string;
  epoch?: number;
  state?: AgentState;
}

/** The state of an agent, as its heartbeats report it. */
export interface AgentState {
  /** The state of each published llm, by its published name. */
  llms?: Record<string, LlmState>;
  /** True if the agent takes no new tasks. */
  draining?: boolean;
}

/** The state of a model, as its agent reports it. */
export interface LlmState {
  status: "active" | "inactive" | "hibernating";
  /** True if the weights are in memory. Left out if the agent cannot tell. */
  resident?: boolean;
  /** Calls under way, from every caller. */
  inFlight?: number;
}
