/** A model that an agent publishes. */
export interface PublishedProvider {
  name: string;
  /** An llm type, which says what its provider speaks. */
  type: string;
  /** The provider's name for the model. */
  model: string;
  tier?: "fast" | "heavy";
  description?: string;
  poolName?: string;
  /** Heeded on first creation only; private when it is not said. */
  visibility?: "public" | "private";
  initialStatus?: "active" | "hibernating";
  /** What is known of the model, for people: `{contextLength: 32768}`. */
  capabilities?: Record<string, unknown>;
}

/** A persona that an agent publishes. */
export interface PublishedPersona {
  name: string;
  /** One of the published llms, or one of the server's that the publisher may see. */
  llmName: string;
  description?: string;
  systemPrompt?: string;
  project?: string;
  defaultParams?: Record<string, unknown>;
  extras?: Record<string, unknown>;
  visibility?: "public" | "private";
}

/** The body of a register call. Unknown fields are passed over: the agent may be newer than the server. */
export interface RegisterRequest {
  /** A name, not authority: another principal's, or another machine's, is answered with a new one. */
  providerSessionId?: string;
  /** The number of the protocol revision that the agent speaks; the oldest one if it is not given. */
  protocol?: number;
  /** Of this process. */
  bootId?: string;
  /** Of this machine. */
  machineId?: string;
  providers: PublishedProvider[];
  agents?: PublishedPersona[];
}

export interface RegisterResponse {
  providerSessionId: string;
  epoch: number;
  leaseMs: number;
  heartbeatMs: number;
  transports: LinkTransport[];
  /** As the API shows them. */
  llms: Record<string, unknown>[];
  agents: Record<string, unknown>[];
}

/** `sse` is server-sent events down and POSTs up. */
export type LinkTransport = "websocket" | "sse";

export interface HeartbeatRequest {
  providerSessionId: string;
  epoch?: number;
  state?: AgentState;
}

/** How an agent is. */
export interface AgentState {
  /** By published name. */
  llms?: Record<string, LlmState>;
  /** It takes no new tasks. */
  draining?: boolean;
}

export interface LlmState {
  status: "active" | "inactive" | "hibernating";
  /** Its weights are in memory, as far as the agent can tell. */
  resident?: boolean;
  /** Calls it is answering, from whomever. */
  inFlight?: number;
}
