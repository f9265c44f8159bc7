import type { ProviderResponse } from "../../net/pushed-response.ts";
import type { LlmState, PublishedProvider } from "../../wire/link/registration.ts";
import type { LinkOperation } from "../../wire/link/tasks.ts";

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

/** What keeps the server behind a provider up: nothing, a wake recipe, or the agent itself. */
export interface Runtime {
  /** Base URL without `/v1`. */
  readonly url: string;
  readonly state: RuntimeState;
  /** Calls back when `state` has changed. Returns how to stop. */
  onChange(listener: () => void): () => void;
  /** Finds out how it is, and begins to keep watch. */
  start(): Promise<void>;
  /**
   * Returns when it answers. However many ask, it is woken once; one who gives up does not stop it.
   *
   * @throws AppError `unavailable` with `retryAfter` when it fails or takes too long
   */
  wake(signal: AbortSignal): Promise<void>;
  /** Stops it where the agent can: `mcpctl provider NAME down`. Throws AppError `not_supported` where it cannot. */
  stop(): Promise<void>;
  /** A call begins: it is not idle until the returned function is called. */
  enter(): () => void;
  /** For `mcpctl provider NAME status`. */
  describe(): RuntimeReport;
  /** The agent stops: what it has started is stopped with it, and is gone when this returns. */
  close(): Promise<void>;
}

/** `active` answers; `hibernating` can be woken; `waking` is being; `inactive` cannot be called. */
export type RuntimeState = "active" | "hibernating" | "waking" | "inactive";

export interface RuntimeReport {
  state: RuntimeState;
  /** In a few words: `loading weights, 34 s`; the last failure; null when there is nothing to say. */
  detail: string | null;
  /** Of a managed one. */
  pid?: number;
  /** Whether its weights are in memory, as far as it can be told. */
  resident?: boolean;
}

/** A provider that can be called. */
export interface LocalProvider {
  readonly config: ProviderConfig;
  readonly runtime: Runtime;
  /** As the server is told. */
  published(): PublishedProvider;
  /** As heartbeats tell. */
  llmState(): LlmState;
  /**
   * Sends a request that is in the dialect of the provider's type.
   *
   * @param operation where it goes: one of the adapter's own paths, never one that somebody else names
   * @throws HttpFailure when there is no answer; AppError `not_supported` for an operation it does not have
   */
  call(operation: LinkOperation, body: string, signal: AbortSignal): Promise<ProviderResponse>;
  close(): Promise<void>;
}

/** The providers as the config has them now. */
export interface Providers {
  readonly all: readonly LocalProvider[];
  readonly personas: readonly PersonaConfig[];
  /** By the name it is published under; undefined when none is. */
  published(name: string): LocalProvider | undefined;
  /** By the name it has in the config. */
  named(name: string): LocalProvider | undefined;
  /** Calls back when what is published, or how it is, has changed. Returns how to stop. */
  onChange(listener: (change: "published" | "state") => void): () => void;
  close(): Promise<void>;
}
