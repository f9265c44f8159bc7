/** What `~/.mcpctl/config.json` says to the agent. */
export interface AgentConfig {
  providers: ProviderConfig[];
  agents: PersonaConfig[];
}

/** One model of this machine, or one that this machine can reach. */
export interface ProviderConfig {
  name: string;
  /** An llm type that is called over HTTP, or `vllm-managed`: a vLLM that the agent starts and stops itself. */
  type: string;
  model: string;
  /** Base URL without `/v1`. Not for `vllm-managed`. */
  url?: string;
  /** A private file with the provider's API key, where it wants one. */
  apiKeyFile?: string;
  tier?: "fast" | "heavy";
  description?: string;
  /** Whether the server is told of it. */
  publish: boolean;
  /** What it is called on the server; `name` when it is not said. */
  publishName?: string;
  poolName?: string;
  visibility?: "public" | "private";
  /** The llm of the server that it stands in for, when the server cannot have it answered. */
  failoverFor?: string;
  wake?: WakeRecipe;
  /** Of `vllm-managed` only. */
  managed?: ManagedConfig;
}

/** How a server that sleeps is brought to answer. Seconds. */
export type WakeRecipe =
  | {
      type: "http";
      url: string;
      method: string;
      headers: Record<string, string>;
      body?: string;
      maxWaitSeconds: number;
    }
  | { type: "command"; command: string; args: string[]; maxWaitSeconds: number };

export interface ManagedConfig {
  port?: number;
  extraArgs: string[];
  /** After so many minutes without a call it sleeps where it can, and is stopped after more. */
  idleTimeoutMinutes?: number;
  /** Where `bin/vllm` is. */
  venvPath?: string;
  /** Instead of `vllm`. */
  command?: string;
  /** How long it may take to be ready. */
  warmupSeconds: number;
  /** Whether it is started with the agent instead of with its first call. */
  warmup: boolean;
}

/** A persona on one of the providers, or on an llm of the server's. */
export interface PersonaConfig {
  name: string;
  llm: string;
  systemPrompt?: string;
  description?: string;
  project?: string;
  defaultParams?: Record<string, unknown>;
  visibility?: "public" | "private";
  publish: boolean;
}
