import type { McpServerConfig } from "./mcp-server.ts";

/** The agent's part of `~/.mcpctl/config.json`. */
export interface AgentConfig {
  providers: ProviderConfig[];
  agents: PersonaConfig[];
  mcpServers: McpServerConfig[];
  /** The name of this machine that the server shows; that of its host if it is left out. */
  workstation?: string;
}

/** A model on this machine, or one that this machine can reach. */
export interface ProviderConfig {
  name: string;
  /** An llm type that is called over HTTP, or `vllm-managed`: a vLLM that the agent itself starts and stops. */
  type: string;
  model: string;
  /** Base URL without `/v1`. Missing for `vllm-managed`. */
  url?: string;
  /** Path of a private file with the provider's API key, if it needs one. */
  apiKeyFile?: string;
  tier?: "fast" | "heavy";
  description?: string;
  /** True if it is registered at the server. */
  publish: boolean;
  /** Its name on the server; `name` when left out. */
  publishName?: string;
  poolName?: string;
  visibility?: "public" | "private";
  /** Name of the server's llm for which it responds while the server cannot. */
  failoverFor?: string;
  wake?: WakeRecipe;
  /** For `vllm-managed` only. */
  managed?: ManagedConfig;
}

/** The way to wake a model's server that does not run. Seconds. */
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
  /** After so many minutes without a call it sleeps if it can, and later stops. */
  idleTimeoutMinutes?: number;
  /** Folder of the virtual environment in which `bin/vllm` is. */
  venvPath?: string;
  /** Name or path of the program, in place of `vllm`. */
  command?: string;
  /** The longest that a start may take. */
  warmupSeconds: number;
  /** True if it starts with the agent, false if with its first call. */
  warmup: boolean;
}

/** A persona on one of the providers, or on an llm of the server. */
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
